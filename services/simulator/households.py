"""The background population: households one after another, or any one of them by its number, nothing kept in
memory.

Households come in blocks of ten with 19 people, so that the number of a person leads to its household by
arithmetic: four singles (the first is the father of the last household's child), three couples, a couple with
one child, a couple with two, a mother with one.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import accumulate
from typing import NamedTuple

from events.municipalities import MUNICIPALITIES
from services.simulator import names
from services.simulator.numbers import ADULTS, CHILDREN, PARENTS, Sex, mix
from services.simulator.people import Address, Custody, Parent, Person, resident

BLOCK_PEOPLE, BLOCK_ADULTS, BLOCK_PARENTS, BLOCK_CHILDREN, BLOCK_HOUSEHOLDS = 19, 15, 6, 4, 10
MAX_PERSONS = 6_000_000
"""The number bands in `numbers.py` hold for this many."""

_WEIGHTS = {
    "101": 11.0,
    "751": 6.0,
    "851": 4.0,
    "461": 4.0,
    "825": 0.05,
    "741": 0.1,
    "563": 0.1,
    "492": 0.15,
    "482": 0.3,
}
"""Rough share of a municipality against the ordinary one (Copenhagen ... Læsø); general knowledge."""
_HOMES_PER_ROAD = 700
"""Keeps six million people below road code 7000, where the stories' roads begin."""
_PARENT_SLOT = {0: 0, 10: 1, 11: 2, 12: 3, 13: 4, 14: 5}
_PLAIN_SLOT = {1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 5, 7: 6, 8: 7, 9: 8}
_HOUSEHOLD_OF_ADULT = (0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9)
_ADULTS_OF_HOUSEHOLD = ((0,), (1,), (2,), (3,), (4, 5), (6, 7), (8, 9), (10, 11), (12, 13), (14,))
_CHILDREN_OF_HOUSEHOLD: dict[int, tuple[int, ...]] = {7: (0,), 8: (1, 2), 9: (3,)}


class Adult(NamedTuple):
    """What background records need to know of an adult."""

    number: int
    cpr: str
    household: int
    childless: bool


class Population:
    """`persons` background people in the given municipalities."""

    def __init__(self, seed: int, persons: int, municipalities: tuple[str, ...]) -> None:
        if persons > MAX_PERSONS:
            raise ValueError(f"at most {MAX_PERSONS} persons")
        self.seed = seed
        self.blocks, self.tail = divmod(persons, BLOCK_PEOPLE)
        self.adults = self.blocks * BLOCK_ADULTS + self.tail
        self.households = self.blocks * BLOCK_HOUSEHOLDS + self.tail
        self._table = _municipality_table(municipalities)
        self.district_of = {item.code: item.district for item in MUNICIPALITIES}

    def municipality(self, household: int) -> str:
        """Where a household lives."""
        return self._table[mix(self.seed, household) & 4095]

    def adult(self, number: int) -> Adult:
        """One adult by number, 0 to `adults` - 1."""
        block, slot = divmod(number, BLOCK_ADULTS)
        if block >= self.blocks:
            spare = number - self.blocks * BLOCK_ADULTS
            cpr, _ = ADULTS.take(self.blocks * 9 + spare, self._sex(number, 1))
            return Adult(number, cpr, self.blocks * BLOCK_HOUSEHOLDS + spare, True)
        household = block * BLOCK_HOUSEHOLDS + _HOUSEHOLD_OF_ADULT[slot]
        return Adult(number, self._number(block, slot)[0], household, slot in _PLAIN_SLOT)

    def people(self) -> Iterator[Person]:
        """Everybody, household by household."""
        for block in range(self.blocks):
            for position in range(BLOCK_HOUSEHOLDS):
                yield from self._household(block, position)
        for spare in range(self.tail):
            yield self._spare(spare)

    def home(self, household: int, earliest: date = date.min) -> Address:
        """The address of a household, not since before `earliest`: its own unit, every second a whole house."""
        bits = mix(self.seed + 1, household)
        road, place = divmod(household, _HOMES_PER_ROAD)
        since = max(earliest, date(2005 + bits % 20, 1 + (bits >> 8) % 12, 1))
        municipality, name, code = self.municipality(household), names.road(1 + road), f"{1 + road:04d}"
        if place % 2:
            return Address(municipality, name, code, f"{place // 2 + 1}A", "", "", True, since)
        floor, door = ("st", "1", "2", "3")[(bits >> 16) % 4], ("tv", "th", "mf")[(bits >> 20) % 3]
        return Address(municipality, name, code, f"{place // 2 + 1}", floor, door, False, since)

    def _sex(self, number: int, slot: int) -> Sex:
        if slot in (0, 5, 7, 9, 11, 13):
            return "M"
        if slot in (4, 6, 8, 10, 12, 14):
            return "F"
        return "M" if mix(self.seed + 2, number) & 1 else "F"

    def _number(self, block: int, slot: int) -> tuple[str, date]:
        sex = self._sex(block * BLOCK_ADULTS + slot, slot)
        if slot in _PARENT_SLOT:
            return PARENTS.take(block * BLOCK_PARENTS + _PARENT_SLOT[slot], sex)
        return ADULTS.take(block * 9 + _PLAIN_SLOT[slot], sex)

    def _addresses(self, household: int, bits: int) -> list[Address]:
        home = self.home(household)
        if bits & 7:
            return [home]
        away = self._table[(bits >> 3) & 4095]
        past = Address(away, names.road(6999), "6999", "1", "", "", True, home.since - timedelta(days=900), home.since)
        return [past, home]

    def _household(self, block: int, position: int) -> list[Person]:
        household = block * BLOCK_HOUSEHOLDS + position
        bits = mix(self.seed + 3, household)
        surname, addresses = names.surname(bits), self._addresses(household, bits >> 16)
        people = []
        for slot in _ADULTS_OF_HOUSEHOLD[position]:
            sex = self._sex(block * BLOCK_ADULTS + slot, slot)
            cpr, born = self._number(block, slot)
            name = f"{names.given(mix(bits, slot), sex)} {surname}"
            people.append(resident(cpr, name, born, sex, addresses, [], []))
        children = _CHILDREN_OF_HOUSEHOLD.get(position, ())
        return people + [self._child(household, block, child, bits, surname) for child in children]

    def _child(self, household: int, block: int, child: int, bits: int, surname: str) -> Person:
        mother_slot, father_slot = ((10, 11), (12, 13), (12, 13), (14, 0))[child]
        mother, father = self._number(block, mother_slot)[0], self._number(block, father_slot)[0]
        own = mix(bits, 100 + child)
        sex: Sex = "M" if own & 1 else "F"
        cpr, born = CHILDREN.take(block * BLOCK_CHILDREN + child, sex)
        custody = [Custody(mother, "3", born), Custody(father, "4", born)]
        parents = [Parent(mother, "mother"), Parent(father, "father")]
        name = f"{names.given(own >> 1, sex)} {surname}"
        return resident(cpr, name, born, sex, [self.home(household, born)], parents, custody)

    def _spare(self, spare: int) -> Person:
        adult = self.adult(self.blocks * BLOCK_ADULTS + spare)
        sex = self._sex(adult.number, 1)
        cpr, born = ADULTS.take(self.blocks * 9 + spare, sex)
        bits = mix(self.seed + 3, adult.household)
        name = f"{names.given(mix(bits, 1), sex)} {names.surname(bits)}"
        return resident(cpr, name, born, sex, self._addresses(adult.household, bits >> 16), [], [])


def _municipality_table(municipalities: tuple[str, ...]) -> list[str]:
    ends = list(accumulate(_WEIGHTS.get(code, 1.0) for code in municipalities))
    return [municipalities[bisect_right(ends, (place + 0.5) / 4096 * ends[-1])] for place in range(4096)]
