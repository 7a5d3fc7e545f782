"""The records of a story: pieces of its weeks, pieces of the past, and later versions of both."""

from datetime import datetime, timedelta

from msgspec.structs import replace

from services.simulator import names
from services.simulator.cast_people import Household
from services.simulator.codes import ASSAULT, Code
from services.simulator.people import Person
from services.simulator.rows import FateName, Fault, Planted, Row
from services.simulator.weeks import local


class Casebook(Household):
    """Adds records. Those of the past are `baseline`: they are delivered before the story's week."""

    _baselines = 0

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
        role: str | None = None,
        outcome: str | None = None,
        child_present: bool | None = None,
        party: int = 1,
        case: Row | None = None,
        supersedes: Row | None = None,
        revision: int = 1,
        status: str = "live",
    ) -> Row:
        """A record about a person, registered on a weekday (0-6) of a week, delivered in its extract by default.

        `case` gives the journal number of another party's row; `supersedes` names the row that this one replaces. Role,
        outcome and whether a child was there are those usual for the code.
        """
        week = self.week if week is None else week
        at = at or local(self.stage.calendar.day(week, day), 10 + self.rng.randrange(10), self.rng.randrange(60))
        district = district or (case.district if case else self.district)
        row = Row(
            case.journal_number if case else self.stage.journal_number(district, at.year),
            party,
            revision,
            status,
            supersedes.journal_number if supersedes else None,
            district,
            case.registered_at if case else at.isoformat(),
            case.occurred_at if case else (occurred or at - timedelta(hours=2 + self.rng.randrange(5))).isoformat(),
            code.code,
            code.scheme,
            kind,
            person if isinstance(person, str) else person.cpr,
            role or code.role,
            outcome or code.outcome,
            self._place(),
            code.incident if child_present is None else child_present,
        )
        when = week if delivered is None else delivered
        return self.deliver(row, when, "withdrawn" if status == "withdrawn" else "new")

    def baseline(
        self,
        person: Person | str,
        code: Code = ASSAULT,
        *,
        age: int | None = None,
        role: str | None = None,
        outcome: str | None = None,
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

    def _place(self) -> str | None:
        spot = f"{names.road(self.rng.randrange(1, 6999))} {self.rng.randrange(1, 99)}"
        return self.rng.choice((None, spot, f"{spot}, 2. tv", f'{spot} ("gården")'))
