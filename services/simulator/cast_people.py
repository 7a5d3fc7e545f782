"""The people and homes of a story: who they are, where they live, and what the register says of them later.

Everything random comes from the story's own generator, so that a story is the same whatever stands beside it.
"""

import random
from datetime import date
from typing import Literal

from msgspec.structs import replace

from services.simulator import names
from services.simulator.numbers import Sex
from services.simulator.people import Address, Custody, Parent, Person, resident
from services.simulator.stage import Change, Phase, Stage

HomeKind = Literal["flat", "house", "incomplete", "shelter", "institution", "nowhere"]
CARE_ROADS = {"shelter": "9901", "institution": "9902"}
CARE_HOUSES = 10
"""Shelters and institutions per municipality, at houses 1 to 10 of their road."""


class Household:
    """One instance of a story that starts in `week`; `number` tells instances apart."""

    def __init__(self, stage: Stage, story: str, number: int) -> None:
        self.stage, self.story, self.number, self.week = stage, story, number, stage.week
        self.rng = random.Random(f"{stage.seed}/{stage.week}/{story}/{number}")
        self.municipality = self.rng.choice(stage.municipalities)
        self.district = stage.home_district(self.municipality) or self.rng.choice(stage.districts)
        self.surname = names.surname(self.rng.getrandbits(30))

    def elsewhere(self) -> str:
        """Another municipality (the same when the world has only one)."""
        others = [code for code in self.stage.municipalities if code != self.municipality]
        return self.rng.choice(others or [self.municipality])

    def other_district(self) -> str:
        """Another district than the story's own."""
        return self.rng.choice([code for code in self.stage.districts if code != self.district])

    def home(self, kind: HomeKind = "flat", municipality: str | None = None) -> Address:
        """A new address, lived at for years."""
        where, since = (
            municipality or self.municipality,
            date(2016 + self.rng.randrange(8), 1 + self.rng.randrange(12), 1),
        )
        if kind == "nowhere":
            return Address(where, "", "", "", "", "", False, since)
        if kind in CARE_ROADS:
            code, house = CARE_ROADS[kind], str(1 + self.number % CARE_HOUSES)
            return Address(where, names.road(int(code)), code, house, "", "", True, since)
        code, house, floor = self.stage.unit()
        if kind == "house":
            return Address(where, names.road(int(code)), code, f"{house}{'ABCD'[int(floor) - 1]}", "", "", True, since)
        door = "" if kind == "incomplete" else self.rng.choice(("tv", "th", "mf"))
        return Address(
            where,
            names.road(int(code)),
            code,
            house,
            "" if kind == "incomplete" else floor,
            door,
            False,
            since,
        )

    def adult(self, home: Address, sex: Sex = "M") -> Person:
        """A grown-up at an address."""
        cpr, born = self.stage.adult_number(sex)
        return self._enter(resident(cpr, self._name(sex), born, sex, [home], [], []))

    def child(
        self,
        home: Address,
        mother: Person | None = None,
        father: Person | None = None,
        born: date | None = None,
    ) -> Person:
        """A child at an address, with custody held by its parents."""
        sex: Sex = self.rng.choice(("F", "M"))
        cpr, birthday = self.stage.child_number(sex) if born is None else (self.stage.child_number_on(born, sex), born)
        parents = [Parent(mother.cpr, "mother")] if mother else []
        custody = [Custody(mother.cpr, "3", birthday)] if mother else []
        if father:
            parents.append(Parent(father.cpr, "father"))
            custody.append(Custody(father.cpr, "4", birthday))
        address = replace(home, since=max(home.since, birthday))
        return self._enter(resident(cpr, self._name(sex), birthday, sex, [address], parents, custody))

    def couple(self, municipality: str | None = None) -> tuple[Person, Person, Person]:
        """Father, mother and their child under one roof."""
        home = self.home("flat" if self.rng.random() < 0.7 else "house", municipality)
        father, mother = self.adult(home), self.adult(home, "F")
        return father, mother, self.child(home, mother, father)

    def amend(self, person: Person, **fields: object) -> Person:
        """Change a person before the story begins: what the register says from the start."""
        place = self.stage.act.people.index(person)
        self.stage.act.people[place] = amended = replace(person, **fields)
        return amended

    def change(self, person: Person, week: int, phase: Phase, **fields: object) -> Person:
        """A register change: the person's whole new state."""
        changed = replace(person, **fields)
        self.stage.act.changes.append(Change(week, phase, changed))
        return changed

    def renumber(self, person: Person, week: int) -> Person:
        """A new number before the run of a week: two register lines, the old (status 60) and the new."""
        grown_up = person.birth_date < date(2000, 1, 1)
        cpr, born = self.stage.adult_number(person.sex) if grown_up else self.stage.child_number(person.sex)
        day = self.stage.calendar.day(week, 2)
        self.change(
            person,
            week,
            "before",
            current_cpr=cpr,
            status="60",
            status_since=day,
            addresses=[],
            parents=[],
            custody=[],
        )
        return self.change(person, week, "before", cpr=cpr, birth_date=born)

    def keep_out(self, *people: Person) -> None:
        """These people are not in the register from the start."""
        for person in people:
            self.stage.act.people.remove(person)

    def _enter(self, person: Person) -> Person:
        self.stage.act.people.append(person)
        return person

    def _name(self, sex: Sex) -> str:
        return f"{names.given(self.rng.getrandbits(30), sex)} {self.surname}"
