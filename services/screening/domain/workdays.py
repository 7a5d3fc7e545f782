"""The Danish working calendar: whole working days between two moments, for what people must have done by then.

Public holidays come from the library `holidays`. Whether Saturday counts as a *hverdag* is not settled for every purpose, so that
it is a setting; so are days on which an authority is closed by custom (24 December, Constitution Day).
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

import holidays

from events.weeks import COPENHAGEN, local

_DAY = timedelta(days=1)
_SATURDAY, _SUNDAY = 5, 6


@dataclass(frozen=True)
class WorkingCalendar:
    """Which days are working days."""

    saturday: bool = False
    closed: frozenset[date] = field(default_factory=frozenset)

    @cached_property
    def _public(self) -> holidays.HolidayBase:
        return holidays.country_holidays("DK")

    def works(self, day: date) -> bool:
        """Whether people are at work on this day."""
        weekend = day.weekday() == _SUNDAY or (day.weekday() == _SATURDAY and not self.saturday)
        return not weekend and day not in self.closed and day not in self._public

    def passed(self, since: datetime, now: datetime) -> int:
        """Whole working days between two moments, by Danish time of day; what comes on a day off begins with the next day."""
        since, now = since.astimezone(COPENHAGEN), now.astimezone(COPENHAGEN)
        while not self.works(since.date()):
            since = local(since.date() + _DAY)
        between = (now.date() - since.date()).days
        whole = sum(self.works(since.date() + number * _DAY) for number in range(1, between + 1))
        return max(whole - (self.works(now.date()) and now.time() < since.time()), 0)
