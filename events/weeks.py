"""ISO weeks and dates in Danish time; a week is Monday 00:00 to Monday 00:00, also where that is 167 or 169 hours."""

import re
from calendar import monthrange
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_DAYS = timedelta(days=7)


def monday(week: str) -> date:
    """First day of an ISO week such as 2026-W53. Raises ValueError for anything that is no ISO week."""
    found = _WEEK.fullmatch(week)
    if not found:
        raise ValueError("an ISO week looks like 2026-W40")
    return date.fromisocalendar(int(found[1]), int(found[2]), 1)


def label(day: date) -> str:
    """The ISO week of a day, as text."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def week_ending(moment: datetime) -> str:
    """The ISO week that a moment ends or lies in: Monday 00:00 still ends the week before."""
    return label(danish_date(moment - timedelta(microseconds=1)))


def local(day: date, at: time = time()) -> datetime:
    """A moment of a day by Danish time."""
    return datetime.combine(day, at, tzinfo=COPENHAGEN)


def start(week: str) -> datetime:
    """The moment at which a week begins."""
    return local(monday(week))


def end(week: str) -> datetime:
    """The moment at which a week ends; it is the next week's first."""
    return local(monday(week) + _DAYS)


def after_end(week: str, at: time) -> datetime:
    """A time of day on the Monday after a week."""
    return local(monday(week) + _DAYS, at)


def following(week: str) -> str:
    """The next week."""
    return label(monday(week) + _DAYS)


def preceding(week: str) -> str:
    """The week before."""
    return label(monday(week) - _DAYS)


def months_before(week: str, months: int) -> datetime:
    """Calendar months back from the end of a week, 00:00 Danish time; a day the month lacks becomes its last."""
    last = monday(week) + _DAYS
    year, month = divmod(last.year * 12 + last.month - 1 - months, 12)
    return local(date(year, month + 1, min(last.day, monthrange(year, month + 1)[1])))


def danish_date(moment: datetime) -> date:
    """The date of a moment by Danish time."""
    return moment.astimezone(COPENHAGEN).date()
