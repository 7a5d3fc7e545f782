"""Days and ages by Danish civil time. Whoever is born on 29 February is a year older on 1 March of an ordinary year."""

from datetime import date, datetime, timedelta

from events.weeks import danish_date

OF_AGE = 18
"""Years: whoever is younger is a child (barnets lov § 2; myndighedsalder, værgemålsloven § 1)."""


def last_day_before(moment: datetime) -> date:
    """The Danish calendar day of the last instant before a moment: the Sunday, when asked about the end of a week."""
    return danish_date(moment - timedelta(microseconds=1))


def age_years(born: date, on: date) -> int:
    """Whole years of age on a day; 0 for somebody born later (the register may be newer than the question)."""
    before_birthday = (on.month, on.day) < (born.month, born.day)
    return max(0, on.year - born.year - before_birthday)


def latest_birth_of_age(on: date) -> date:
    """The latest day of birth that makes somebody of age on a day."""
    leap_day = (on.month, on.day) == (2, 29)
    return on.replace(year=on.year - OF_AGE, day=28 if leap_day else on.day)
