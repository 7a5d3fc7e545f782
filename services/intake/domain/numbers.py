"""The forms of the numbers by which the police know a person: CPR, ENR (foreigner) and UNR (unknown birth date).

Only the form is judged. Modulus 11 has not held for every valid CPR number since 2007 and is never a reason to say no.
Source: docs/extracts.md, section 3.
"""

import re
from datetime import date

SYNTHETIC_DAYS = 60
"""Added to the day of a synthetic person's CPR number, so that it can never be a real person's."""

_CPR = re.compile(r"[0-9]{10}")
_LETTERED = re.compile(r"[0-9]{6}[A-Z]{4}")


def birth_year(text: str) -> int:
    """Year of birth by digits 5 to 7 of a CPR number: its seventh digit with the year gives the century."""
    year, seventh = int(text[4:6]), int(text[6])
    if seventh <= 3:
        return 1900 + year
    if seventh in (4, 9):
        return (2000 if year <= 36 else 1900) + year
    return (2000 if year <= 57 else 1800) + year


def is_cpr(text: str, *, synthetic: bool) -> bool:
    """Whether this is ten digits that begin with a date that exists; day + 60 only where `synthetic` persons are allowed."""
    if not _CPR.fullmatch(text):
        return False
    day = int(text[:2])
    if day > SYNTHETIC_DAYS and synthetic:
        day -= SYNTHETIC_DAYS
    try:
        date(birth_year(text), int(text[2:4]), day)
    except ValueError:
        return False
    return True


def has_form(kind: str, text: str, *, synthetic: bool) -> bool:
    """Whether a number has the form of its kind."""
    if kind == "CPR":
        return is_cpr(text, synthetic=synthetic)
    if not _LETTERED.fullmatch(text):
        return False
    return kind == "ENR" or 31 <= int(text[:2]) <= 61
