"""Lines of the population register: their fields, and how they are read.

Source: docs/extracts.md, section 7. A good line is decoded in one step and its texts are looked at (`forms`); only a bad one is
looked at field by field.
"""

from datetime import date
from typing import Any, Generic, Literal, TypeVar

import msgspec

from services.identity.domain import forms
from services.identity.domain.checks import Checker, Fault, Form

Status = Literal["01", "03", "05", "07", "20", "30", "50", "60", "70", "80", "90"]
REPLACED = frozenset({"50", "60"})
"""Status of a number that another has taken the place of: deleted duplicate, changed number."""

_DATES = {"since": "from", "until": "to"}


class AddressPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False, rename=_DATES):
    """One address from `since` until (not including) `until`. Without fixed address only the municipality is filled."""

    municipality: str
    road: str | None = None
    road_code: str | None = None
    house: str | None = None
    floor: str | None = None
    door: str | None = None
    single_unit: bool | None = None
    since: date
    until: date | None = None


class ParentPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A parent as the child's line names it."""

    cpr: str
    kind: Literal["mother", "father"]


class CustodyPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False, rename=_DATES):
    """A holder of custody over the person of the line."""

    cpr: str
    type: Literal["3", "4", "5", "6"]
    since: date
    until: date | None = None


class PersonLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """Whole state of one person. Tuples: most are empty and cost nothing, where millions of empty lists are collected again."""

    cpr: str
    current_cpr: str | None = None
    name: str
    status: Status
    status_since: date
    birth_date: date
    sex: Literal["F", "M"]
    protected: bool
    addresses: tuple[AddressPart, ...]
    parents: tuple[ParentPart, ...]
    custody: tuple[CustodyPart, ...]


class InstitutionLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """An institution or shelter (*krisecenter*). Without floor and door it is the whole house."""

    municipality: str
    road_code: str
    house: str
    floor: str | None = None
    door: str | None = None
    type: Literal["institution", "shelter"]


PERSON_FORMS: dict[str, Form] = {
    "cpr": forms.cpr,
    "current_cpr": forms.optional_cpr,
    "name": forms.name,
    "addresses": forms.addresses,
    "parents": forms.people,
    "custody": forms.people,
}
INSTITUTION_FORMS: dict[str, Form] = {
    "municipality": forms.municipality,
    **dict.fromkeys(("road_code", "house", "floor", "door"), forms.part),
}

L = TypeVar("L", bound=msgspec.Struct)


class LineReader(Generic[L]):
    """Reads lines of one type."""

    def __init__(self, struct: type[L], texts: dict[str, Form]) -> None:
        self._decode = msgspec.json.Decoder(struct).decode
        self._checker = Checker(struct, texts)

    def read(self, line: bytes) -> L | Fault:
        """The line, or what is wrong with it."""
        try:
            found = self._decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._diagnose(line)
        if not self._checker.well_formed(found):
            return self._diagnose(line)
        return between(found) or found

    def _diagnose(self, line: bytes) -> Fault:
        try:
            item: Any = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Fault("unreadable")
        return self._checker.fault(item) or Fault("unreadable")


def between(line: msgspec.Struct) -> Fault | None:
    """What is wrong between the fields of a line that is good field by field."""
    if not isinstance(line, PersonLine):
        return None
    if line.current_cpr is None:
        return Fault("missing_field", "current_cpr") if line.status == "60" else None
    wrong = line.current_cpr == line.cpr or line.status not in REPLACED
    return Fault("bad_value", "current_cpr") if wrong else None


def person_reader() -> LineReader[PersonLine]:
    """Reads person lines."""
    return LineReader(PersonLine, PERSON_FORMS)


def institution_reader() -> LineReader[InstitutionLine]:
    """Reads lines of the list of institutions."""
    return LineReader(InstitutionLine, INSTITUTION_FORMS)
