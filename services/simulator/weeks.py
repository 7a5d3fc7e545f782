"""The calendar of a synthetic world: ISO weeks counted from the first one that is run, in Danish time.

Week 1 is the first week that is run; week 0 stands for everything before it (the history).
"""

from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
LAST_WEEK = 140
"""Weeks. Room for numbers of story people is reserved for this many (see `numbers.py`)."""


def local(day: date, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    """An aware moment in Danish time."""
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=COPENHAGEN)


@cache
def day_and_offset(ordinal: int) -> tuple[str, str]:
    """ISO text of a day and its UTC offset at noon: good for daytime hours, all that the background uses."""
    text = local(date.fromordinal(ordinal), 12).isoformat()
    return text[:10], text[19:]


class Calendar:
    """Turns week numbers (1 = first week that is run) into days, moments and ISO labels."""

    def __init__(self, first_week: str) -> None:
        """`first_week` is ISO such as 2026-W38. Raises ValueError when it is not."""
        self.first_monday = datetime.strptime(f"{first_week}-1", "%G-W%V-%u").date()

    def monday(self, week: int) -> date:
        """The Monday on which a week begins."""
        return self.first_monday + timedelta(weeks=week - 1)

    def day(self, week: int, weekday: int) -> date:
        """A day of a week; 0 is Monday, 7 the Monday after."""
        return self.monday(week) + timedelta(days=weekday)

    def end(self, week: int) -> datetime:
        """The moment a week ends: the Monday after, 00:00 Danish time. `end(0)` is the end of the history."""
        return local(self.monday(week + 1))

    def label(self, week: int) -> str:
        """ISO week such as 2026-W40."""
        iso = self.monday(week).isocalendar()
        return f"{iso.year}-W{iso.week:02d}"
