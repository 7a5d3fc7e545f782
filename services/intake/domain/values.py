"""Forms of single values. A form gives the typed value back, or raises one of `MISFITS`.

Forms run for every value of every row, so each is the shortest that is right: a look into a dict, or one match.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

LARGEST_WHOLE = 2**31 - 1
"""Largest party number and revision: what a database integer holds, and far beyond any that is meant."""
PLACE_CHARACTERS = 200

Form = Callable[[Any], object]
MISFITS = (ValueError, TypeError, KeyError)
"""What a form raises."""
_WHOLE = re.compile("[1-9][0-9]{0,9}").fullmatch


def matching(pattern: str) -> Form:
    """A string that matches as a whole."""
    match = re.compile(pattern).fullmatch

    def form(value: Any) -> object:
        if match(value) is None:
            raise ValueError
        return value

    return form


def listed(values: Iterable[str]) -> Form:
    """One of these strings."""
    return {value: value for value in values}.__getitem__


def optional(form: Form) -> Form:
    """Absent (None or ""), or as the form says."""
    return lambda value: form(value) if value else absent(value)


def absent(value: Any) -> None:
    """None or ""."""
    if value not in (None, ""):
        raise ValueError


def whole(value: Any) -> object:
    """A JSON integer from 1."""
    if type(value) is not int or not 1 <= value <= LARGEST_WHOLE:
        raise ValueError
    return value


def written_whole(value: Any) -> object:
    """The same, as digits."""
    if _WHOLE(value) is None:
        raise ValueError
    return whole(int(value))


def truth(value: Any) -> object:
    """A JSON boolean."""
    if type(value) is not bool:
        raise ValueError
    return value


written_truth: Form = {"true": True, "false": False}.__getitem__
"""The same, as a word."""


def text(value: Any) -> object:
    """Any string with something in it."""
    if type(value) is not str or not value:
        raise ValueError
    return value


def place(value: Any) -> object:
    """Free text on one line (sted)."""
    if type(value) is not str or len(value) > PLACE_CHARACTERS or "\n" in value or "\r" in value:
        raise ValueError
    return value
