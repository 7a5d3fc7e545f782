"""A person as a line of the register (CPR) extract, format socialsog-register/1. See docs/extracts.md,
section 7.
"""

from datetime import date
from typing import Literal

import msgspec

from services.simulator.numbers import Sex

_DATES = {"since": "from", "until": "to"}


class Address(msgspec.Struct, frozen=True, rename=_DATES):
    """One address from `since` until (not including) `until`."""

    municipality: str
    road: str
    road_code: str
    house: str
    floor: str
    door: str
    single_unit: bool
    since: date
    until: date | None = None


class Parent(msgspec.Struct, frozen=True):
    """A parent as the child's line names it."""

    cpr: str
    kind: Literal["mother", "father"]


class Custody(msgspec.Struct, frozen=True, rename=_DATES):
    """A holder of custody (*forældremyndighed*): type 3 mother, 4 father, 5 and 6 others."""

    cpr: str
    type: Literal["3", "4", "5", "6"]
    since: date
    until: date | None = None


class Person(msgspec.Struct, frozen=True):
    """Whole state of one person in the register."""

    cpr: str
    current_cpr: str | None
    name: str
    status: str
    status_since: date
    birth_date: date
    sex: Sex
    protected: bool
    addresses: list[Address]
    parents: list[Parent]
    custody: list[Custody]


class Institution(msgspec.Struct, frozen=True):
    """One line of the list of institutions and shelters (*krisecentre*)."""

    municipality: str
    road_code: str
    house: str
    floor: str
    door: str
    type: Literal["institution", "shelter"]


def resident(
    cpr: str,
    name: str,
    birth_date: date,
    sex: Sex,
    addresses: list[Address],
    parents: list[Parent],
    custody: list[Custody],
) -> Person:
    """An ordinary resident (status 01)."""
    return Person(cpr, None, name, "01", birth_date, birth_date, sex, False, addresses, parents, custody)
