"""Forms of the texts in a register line. Each function gives the path of the first text that is not of its form, or None.

They are written for speed: the national register has some fifty million texts, and a plain match costs a fifth of a microsecond.
"""

import re
from collections.abc import Sequence
from typing import Protocol

_CPR = re.compile(r"(?:0[1-9]|[12][0-9]|3[01]|6[1-9]|[78][0-9]|9[01])(?:0[1-9]|1[0-2])[0-9]{6}").fullmatch
"""Day + 60 for synthetic persons. Modulus 11 is no reason to refuse: since 2007 it fails for good numbers."""
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,300}").fullmatch
_PART = re.compile(r"[0-9A-Za-zÆØÅæøå.-]{0,8}").fullmatch
"""House, floor or door: letters and digits, so that nothing needs escaping on the way into the database."""
_MUNICIPALITY = re.compile(r"[0-9]{3}").fullmatch
_PARTS = re.compile(r"[0-9A-Za-zÆØÅæøå.-]{0,8}(?: [0-9A-Za-zÆØÅæøå.-]{0,8}){3}").fullmatch
_DIGEST = re.compile(r"[0-9a-f]{64}").fullmatch
_FIELDS = ("road_code", "house", "floor", "door")


class Place(Protocol):
    """An address, as far as its form matters."""

    @property
    def municipality(self) -> str: ...
    @property
    def road_code(self) -> str | None: ...
    @property
    def house(self) -> str | None: ...
    @property
    def floor(self) -> str | None: ...
    @property
    def door(self) -> str | None: ...


class Person(Protocol):
    """Somebody named by number."""

    @property
    def cpr(self) -> str: ...


def cpr(text: str) -> str | None:
    """A CPR number."""
    return None if _CPR(text) else ""


def optional_cpr(text: str | None) -> str | None:
    """A CPR number, or none."""
    return None if text is None or _CPR(text) else ""


def name(text: str) -> str | None:
    """A name: at most 300 characters, none of which steers a terminal or ends a line."""
    return None if _NAME(text) else ""


def municipality(text: str) -> str | None:
    """A municipality's code; Greenland's are not in our list, so that only the form is checked."""
    return None if _MUNICIPALITY(text) else ""


def part(text: str | None) -> str | None:
    """Part of an address, or none."""
    return None if not text or _PART(text) else ""


def digest(text: str) -> str | None:
    """A SHA-256 in hexadecimal digits."""
    return None if _DIGEST(text) else ""


def addresses(places: Sequence[Place]) -> str | None:
    """All addresses of a person."""
    for number, place in enumerate(places):
        path = _address(place)
        if path is not None:
            return f"[{number}].{path}"
    return None


def _address(place: Place) -> str | None:
    if not _MUNICIPALITY(place.municipality):
        return "municipality"
    # All four parts in one match: a third of the time of four matches.
    if _PARTS(f"{place.road_code} {place.house} {place.floor} {place.door}"):
        return None
    return next((field for field in _FIELDS if part(getattr(place, field)) is not None), None)


def people(persons: Sequence[Person]) -> str | None:
    """Parents or holders of custody; most lines have none."""
    if not persons:
        return None
    for number, person in enumerate(persons):
        if not _CPR(person.cpr):
            return f"[{number}].cpr"
    return None
