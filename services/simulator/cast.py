"""What a story is written with: people, homes, records, register changes and expectations, in a few words
each.

A `Cast` is one instance of one story. Everything random comes from its own generator, so that a story is the
same whatever stands beside it. Records of the past are `baseline`: they are delivered before the story's
week.
"""

import random
from datetime import date, datetime, timedelta
from typing import Literal

from msgspec.structs import replace

from services.simulator import names
from services.simulator.codes import ASSAULT, Code
from services.simulator.numbers import Sex
from services.simulator.people import Address, Custody, Parent, Person, resident
from services.simulator.rows import FateName, Fault, Planted, Row
from services.simulator.stage import Change, Phase, Stage
from services.simulator.truth import Effect, Kind, Outcome, Reason, Tag
from services.simulator.weeks import local

HomeKind = Literal["flat", "house", "incomplete", "shelter", "institution", "nowhere"]
CARE_ROADS = {"shelter": "9901", "institution": "9902"}
CARE_HOUSES = 10
"""Shelters and institutions per municipality, at houses 1 to 10 of their road."""


class Cast:
    """One instance of a story that starts in `week`; `number` tells instances apart."""

    def __init__(self, stage: Stage, story: str, number: int) -> None:
        self.stage, self.story, self.number, self.week = stage, story, number, stage.week
        self.rng = random.Random(f"{stage.seed}/{stage.week}/{story}/{number}")
        self.municipality = self.rng.choice(stage.municipalities)
        self.district = stage.home_district(self.municipality) or self.rng.choice(stage.districts)
        self.surname = names.surname(self.rng.getrandbits(30))
        self._baselines = 0

    # places

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
            return Address(
                where, names.road(int(code)), code, f"{house}{'ABCD'[int(floor) - 1]}", "", "", True, since
            )
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

    # people

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
        cpr, birthday = (
            self.stage.child_number(sex) if born is None else (self.stage.child_number_on(born, sex), born)
        )
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

    # records

    def piece(
        self,
        person: Person | str,
        code: Code = ASSAULT,
        *,
        day: int = 2,
        week: int | None = None,
        delivered: int | None = None,
        at: datetime | None = None,
        occurred: datetime | None = None,
        district: str | None = None,
        kind: str = "CPR",
        role: str = "charged",
        outcome: str = "open",
        party: int = 1,
        case: Row | None = None,
        supersedes: Row | None = None,
        revision: int = 1,
        status: str = "live",
    ) -> Row:
        """A record about a person, registered on a weekday (0-6) of a week, delivered in its extract by default.

        `case` gives the journal number of another party's row; `supersedes` names the row that this one replaces.
        """
        week = self.week if week is None else week
        at = at or local(
            self.stage.calendar.day(week, day), 10 + self.rng.randrange(10), self.rng.randrange(60)
        )
        district = district or (case.district if case else self.district)
        row = Row(
            case.journal_number if case else self.stage.journal_number(district, at.year),
            party,
            revision,
            status,
            supersedes.journal_number if supersedes else None,
            district,
            case.registered_at if case else at.isoformat(),
            case.occurred_at
            if case
            else (occurred or at - timedelta(hours=2 + self.rng.randrange(5))).isoformat(),
            code.code,
            code.scheme,
            kind,
            person if isinstance(person, str) else person.cpr,
            role,
            outcome,
            self._place(),
            code.scheme == "SYNTHETIC",
        )
        when = week if delivered is None else delivered
        return self.deliver(row, when, "withdrawn" if status == "withdrawn" else "new")

    def baseline(
        self,
        person: Person | str,
        code: Code = ASSAULT,
        *,
        age: int | None = None,
        role: str = "charged",
        outcome: str = "open",
        district: str | None = None,
        revision: int = 1,
    ) -> Row:
        """A record of the past, registered `age` days before the story's week, each on a date of its own."""
        self._baselines += 1
        days = age or 25 + 20 * self._baselines + self.rng.randrange(15)
        at = local(self.stage.calendar.monday(self.week) - timedelta(days=days), 12, self.rng.randrange(60))
        return self.piece(
            person,
            code,
            at=at,
            delivered=self.stage.past_week,
            role=role,
            outcome=outcome,
            district=district,
            revision=revision,
        )

    def revise(
        self,
        row: Row,
        week: int,
        fate: FateName,
        reason: str | None = None,
        field: str | None = None,
        **fields: object,
    ) -> Row:
        """Deliver another version of a row in a week's extract."""
        return self.deliver(replace(row, **fields), week, fate, reason, field)

    def deliver(
        self,
        row: Row,
        week: int,
        fate: FateName,
        reason: str | None = None,
        field: str | None = None,
        fault: Fault | None = None,
    ) -> Row:
        """Put a row into a week's extract with its expected fate."""
        self.stage.act.rows.append(Planted(week, row, self.story, fate, fault, reason, field))
        return row

    # expectations

    def sent(
        self,
        child: Person,
        adults: list[Person],
        rows: list[Row],
        rules: list[str],
        *,
        week: int | None = None,
        kind: Kind = "first",
        municipality: str | None = None,
        tag: Tag = "explicit",
        without_inference: Outcome | None = None,
    ) -> None:
        """Expect a letter to the municipality where the child lives (or to the one given)."""
        recipient = municipality or child.addresses[-1].municipality
        self._expect(week, child, kind, "sent", None, recipient, adults, rows, rules, tag, without_inference)

    def suppressed(
        self, child: Person, adults: list[Person], rows: list[Row], rules: list[str], reason: Reason
    ) -> None:
        """Expect a draft that is stopped at sending."""
        self._expect(None, child, "first", "suppressed", reason, None, adults, rows, rules)

    def nothing(
        self,
        child: Person | None,
        adults: list[Person] | list[str],
        reason: Reason,
        *,
        week: int | None = None,
        rows: list[Row] | None = None,
        tag: Tag = "explicit",
        without_inference: Outcome | None = None,
    ) -> None:
        """Expect no notification, and why."""
        self._expect(
            week, child, "none", "none", reason, None, adults, rows or [], [], tag, without_inference
        )

    def _expect(
        self,
        week: int | None,
        child: Person | None,
        kind: Kind,
        outcome: Outcome,
        reason: Reason | None,
        municipality: str | None,
        adults: list[Person] | list[str],
        rows: list[Row],
        rules: list[str],
        tag: Tag = "explicit",
        without_inference: Outcome | None = None,
    ) -> None:
        label = self.stage.calendar.label(self.week if week is None else week)
        who = sorted(adult if isinstance(adult, str) else adult.cpr for adult in adults)
        tips = sorted((row.journal_number, row.party_number) for row in rows)
        self.stage.act.effects.append(
            Effect(
                self.story,
                tag,
                label,
                child.cpr if child else None,
                kind,
                outcome,
                reason,
                municipality,
                who,
                tips,
                sorted(rules),
                without_inference,
            )
        )

    def _enter(self, person: Person) -> Person:
        self.stage.act.people.append(person)
        return person

    def _name(self, sex: Sex) -> str:
        return f"{names.given(self.rng.getrandbits(30), sex)} {self.surname}"

    def _place(self) -> str | None:
        spot = f"{names.road(self.rng.randrange(1, 6999))} {self.rng.randrange(1, 99)}"
        return self.rng.choice((None, spot, f"{spot}, 2. tv", f'{spot} ("gården")'))
