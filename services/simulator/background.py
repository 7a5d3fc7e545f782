"""Background records: about one per person of history and one per hundred persons a week, none of which ever
meets a rule.

By construction: an adult's counted record is its only one in any twelve months, is never severe, and belongs
to an adult without children. Everything else is of a code outside the catalogue, a role or an outcome that
does not count, or older than the longest look-back.
"""

from collections import Counter
from collections.abc import Iterator

from events.municipalities import DISTRICTS
from services.simulator import names
from services.simulator.codes import OFFENCES, ORDINARY, TRAFFIC, Code
from services.simulator.households import Adult, Population
from services.simulator.numbers import journal, mix
from services.simulator.rows import Row
from services.simulator.weeks import Calendar, day_and_offset

HISTORY_BLOCK, WEEK_BLOCK = 70_000, 60_000
"""First five-digit codes of background journal numbers: history, and 60,000 + week for a week."""
EXTRA_SHARE = 27
"""Percent of adults with a second history record: makes about one record per person (15 adults of 19)."""
ADULTS_PER_WEEKLY = 79
"""One adult of so many has a record in a week (1 % of persons), not the same again for as many weeks."""
OLD_DAYS = (800, 1100)
"""Days before the first week: older than the longest look-back (24 months)."""
QUIET_DISTRICT = "1471"
"""Delivers a quiet extract in every odd week; stories leave it alone."""

_DISTRICTS = tuple(DISTRICTS)
_SCREENED_OUT_ROLES = ("witness", "reporter")
_SCREENED_OUT_OUTCOMES = ("dropped", "acquitted")


class Background:
    """Draws the background records of a population."""

    def __init__(self, seed: int, population: Population, calendar: Calendar) -> None:
        self.seed, self.population, self.calendar = seed, population, calendar

    def history(self) -> Iterator[Row]:
        """Everything registered before the first week."""
        serials: Counter[str] = Counter()
        first = self.calendar.first_monday.toordinal()
        for number in range(self.population.adults):
            bits = mix(self.seed + 10, number)
            adult = self.population.adult(number)
            for piece in range(1 + (bits % 100 < EXTRA_SHARE)):
                own = mix(bits, piece)
                may_count = piece == 0 and adult.childless and number % 2 == 0
                kind = own % 100
                age = 1 + (own >> 8) % 360
                if 75 <= kind < 90:
                    age = OLD_DAYS[0] + (own >> 8) % (OLD_DAYS[1] - OLD_DAYS[0])
                code, role, outcome = _harmless(kind, own >> 20, may_count)
                yield self._row(adult, own, first - age, HISTORY_BLOCK, serials, code, role, outcome)

    def week(self, week: int) -> Iterator[Row]:
        """What is registered in one week."""
        serials: Counter[str] = Counter()
        monday = self.calendar.monday(week).toordinal()
        for block in range(0, self.population.adults, ADULTS_PER_WEEKLY):
            number = block + (mix(self.seed + 11, block) + week) % ADULTS_PER_WEEKLY
            if number >= self.population.adults:
                continue
            adult, bits = self.population.adult(number), mix(self.seed + 12, number * 1000 + week)
            kind = bits % 75 if bits & 1 else 95  # nothing is old in a new week
            code, role, outcome = _harmless(kind, bits >> 20, adult.childless and number % 2 == 1)
            row = self._row(adult, bits, monday + (bits >> 8) % 7, WEEK_BLOCK + week, serials, code, role, outcome)
            if week % 2 == 0 or row.district != QUIET_DISTRICT:
                yield row

    def _row(
        self,
        adult: Adult,
        bits: int,
        day: int,
        block: int,
        serials: Counter[str],
        code: Code,
        role: str,
        outcome: str,
    ) -> Row:
        municipality = self.population.municipality(adult.household)
        district = self.population.district_of[municipality]
        if (bits >> 40) & 15 == 0:
            district = _DISTRICTS[(bits >> 44) % 12]
        text, offset = day_and_offset(day)
        serials[district + text[:4]] += 1
        hour, minute, second = 10 + (bits >> 30) % 12, (bits >> 34) % 60, (bits >> 38) % 60
        place = f"{names.road(1 + (bits >> 48) % 6000)} {1 + (bits >> 50) % 99}" if bits & 2 else None
        return Row(
            journal(district, block, serials[district + text[:4]] - 1, int(text[:4])),
            1,
            1,
            "live",
            None,
            district,
            f"{text}T{hour:02d}:{minute:02d}:{second:02d}{offset}",
            f"{text}T{hour - 9:02d}:{minute:02d}:{second:02d}{offset}",
            code.code,
            code.scheme,
            "CPR",
            adult.cpr,
            role,
            outcome,
            place,
            bits & 12 == 0,
        )


def _harmless(kind: int, bits: int, may_count: bool) -> tuple[Code, str, str]:
    """Code, role, outcome of kinds 0-99: traffic, wrong role, wrong outcome, old (75-89), counted once (90-99)."""
    code = ORDINARY[bits % len(ORDINARY)]
    if 40 <= kind < 60:
        return code, _SCREENED_OUT_ROLES[(bits >> 8) % 2], "none"
    if 60 <= kind < 75:
        return OFFENCES[bits % len(OFFENCES)], "charged", _SCREENED_OUT_OUTCOMES[(bits >> 8) % 2]
    if 75 <= kind < 90 or (kind >= 90 and may_count):
        return code, code.role, code.outcome if code.incident else ("open", "convicted", "fined")[(bits >> 8) % 3]
    return TRAFFIC, "charged", "fined"
