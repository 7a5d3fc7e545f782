"""The stage that all stories of one start week share: calendar, districts that may be used, and numbers not
yet given out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Literal

from events.municipalities import BY_CODE, DISTRICTS
from services.simulator import numbers
from services.simulator.background import QUIET_DISTRICT
from services.simulator.numbers import Sex
from services.simulator.people import Person
from services.simulator.rows import Planted
from services.simulator.truth import Effect
from services.simulator.weeks import Calendar

Phase = Literal["before", "after"]
"""A register change arrives before the run of its week, or on the Monday evening between run and sending."""
CYCLE = 3
"""Weeks. Stories of the first cycle have people in the full register and a past in the first extracts."""
DELEGATING = frozenset({"825"})
"""Læsø: another municipality does its family work, so a story there would depend on the routing table."""
STORY_ROADS, STORY_BLOCK = 7_000, 80_000
"""Road codes 7000 + week and journal number blocks 80000 + week belong to the stories of that start week."""


@dataclass(frozen=True)
class Change:
    """A person's new state, told in the register changes of a week."""

    week: int
    phase: Phase
    person: Person


@dataclass(frozen=True)
class Act:
    """Everything that the stories of one start week bring into the world."""

    people: list[Person] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    rows: list[Planted] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)


class Stage:
    """Gives out numbers that no other week and no background person has. One per start week."""

    def __init__(
        self,
        seed: int,
        week: int,
        calendar: Calendar,
        municipalities: Sequence[str],
        missing: tuple[int, str] | None,
    ) -> None:
        self.seed, self.week, self.calendar, self.missing = seed, week, calendar, missing
        self.municipalities = [code for code in municipalities if code not in DELEGATING] or list(municipalities)
        closed = {QUIET_DISTRICT}
        if missing and week - 1 <= missing[0] <= week + CYCLE:
            closed.add(missing[1])
        self.districts = [code for code in DISTRICTS if code not in closed]
        self.act = Act()
        self._people, self._homes, self._serials, self._birthdays, self._foreigners = (count() for _ in range(5))

    @property
    def past_week(self) -> int:
        """The week whose deliveries introduce these stories: 0 in the first cycle, else the week before."""
        return 0 if self.week <= CYCLE else self.week - 1

    def adult_number(self, sex: Sex) -> tuple[str, date]:
        """CPR number and birth date of one more adult."""
        return numbers.STORY_ADULTS.take(self._person(), sex)

    def child_number(self, sex: Sex) -> tuple[str, date]:
        """CPR number and birth date of one more child, under 18 for all weeks of the world."""
        return numbers.STORY_CHILDREN.take(self._person(), sex)

    def child_number_on(self, birthday: date, sex: Sex) -> str:
        """CPR number of one more child with a chosen birthday."""
        return numbers.cpr_on(birthday, next(self._birthdays), self.week, sex)

    def foreign_number(self, kind: Literal["ENR", "UNR"]) -> str:
        """A number for one more person without CPR."""
        number = self.week * 3_000 + next(self._foreigners)
        return numbers.enr(number) if kind == "ENR" else numbers.unr(number)

    def unit(self) -> tuple[str, str, str]:
        """Road code, house and floor of one more home."""
        number = next(self._homes)
        return f"{STORY_ROADS + self.week:04d}", str(1 + number // 4), str(1 + number % 4)

    def journal_number(self, district: str, year: int) -> str:
        """One more journal number."""
        return numbers.journal(district, STORY_BLOCK + self.week, next(self._serials), year)

    def home_district(self, municipality: str) -> str | None:
        """The district of a municipality, when stories may use it."""
        district = BY_CODE[municipality].district
        return district if district in self.districts else None

    def _person(self) -> int:
        number = next(self._people)
        if number >= numbers.WEEK_ROOM:
            raise ValueError(f"more than {numbers.WEEK_ROOM} story people in one week")
        return self.week * numbers.WEEK_ROOM + number
