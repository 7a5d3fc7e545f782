"""Numbers that are unique by construction and need no memory: CPR, ENR, UNR, journal numbers, mixed bits.

All CPR numbers are synthetic: day + 60 can never be a real birth day. Each group of people has its own band
of serials per birth date, so that no two can meet:

    born before 2000 (serials 0-1999 per sex)      born from 2000 on (0-2999 per sex)
      0- 299  background adults                       0- 299  background children (and young adults)
    300- 599  background parents                    300-2599  story children
    600-1999  story adults                         2600-2999  story children with a chosen birthday
"""

from datetime import date
from functools import cache
from typing import Literal

Sex = Literal["F", "M"]
_MASK = (1 << 64) - 1
_STRIDE = 10_007
"""A prime that divides the length of no pool below, so that consecutive people have unlike birth dates."""

WEEK_ROOM = 80_000
"""Story people per start week with reserved numbers (20,000 flooded families of three, and the rest)."""


def mix(seed: int, number: int) -> int:
    """64 well-mixed bits for (seed, number), the same on every machine (splitmix64)."""
    z = (seed * 0x9E3779B97F4A7C15 + number * 0xD1B54A32D192ED03) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


@cache
def _birth(ordinal: int) -> tuple[date, str, int]:
    day = date.fromordinal(ordinal)
    return day, f"{day.day + 60:02d}{day.month:02d}{day.year % 100:02d}", 0 if day.year < 2000 else 4000


class Pool:
    """Birth dates and CPR numbers for one group of people: person n has its own (date, serial) for itself."""

    def __init__(self, first: date, last: date, serial: int) -> None:
        self.first = first.toordinal()
        self.days = last.toordinal() - self.first + 1
        self.serial = serial

    def take(self, number: int, sex: Sex) -> tuple[str, date]:
        """CPR number and birth date of person `number` of this pool."""
        day, text, century = _birth(self.first + number * _STRIDE % self.days)
        serial = self.serial + number // self.days
        return f"{text}{century + 2 * serial + (sex == 'M'):04d}", day


ADULTS = Pool(date(1941, 1, 1), date(2007, 12, 31), 0)
PARENTS = Pool(date(1976, 1, 1), date(1993, 12, 31), 300)
CHILDREN = Pool(date(2009, 10, 1), date(2026, 8, 31), 0)
STORY_ADULTS = Pool(date(1966, 1, 1), date(1993, 12, 31), 600)
STORY_CHILDREN = Pool(date(2011, 10, 1), date(2025, 8, 31), 300)


def cpr_on(birthday: date, number: int, week: int, sex: Sex) -> str:
    """CPR number of the `number`-th child of a start week whose birthday was chosen (at most 200 a week)."""
    if number >= 200:
        raise ValueError("more than 200 chosen birthdays in one week")
    _, text, century = _birth(birthday.toordinal())
    return f"{text}{century + 2 * (2600 + 2 * number + week % 2) + (sex == 'M'):04d}"


def _letters(number: int) -> str:
    text = ""
    for _ in range(4):
        number, rest = divmod(number, 26)
        text = chr(ord("A") + rest) + text
    return text


def enr(number: int) -> str:
    """A foreigner's number (ENR, `060649AAAA`); unique by its letters up to 456,975."""
    return f"{1 + number % 28:02d}{1 + number % 12:02d}{60 + number % 40:02d}{_letters(number)}"


def unr(number: int) -> str:
    """A number for a person of unknown birth date (UNR): day + 30 and letters."""
    return f"{31 + number % 28:02d}{1 + number % 12:02d}{60 + number % 40:02d}{_letters(number)}"


JOURNAL_PREFIX = {
    "1460": "5100",
    "1461": "4200",
    "1462": "4100",
    "1463": "3700",
    "1464": "2900",
    "1465": "2300",
    "1466": "3300",
    "1467": "1900",
    "1468": "1300",
    "1469": "0700",
    "1470": "0100",
    "1471": "0900",
}
"""District to the first part of its journal numbers, which is the district's own and not its code."""

INVENTED_PREFIXES = frozenset({"1464", "1467", "1468", "1471"})
"""Districts whose prefix is not public: invented here."""


def journal(district: str, block: int, number: int, year: int) -> str:
    """Journal number. `block` is the first five-digit code used (invented: POLSAS codes are not public)."""
    return f"{JOURNAL_PREFIX[district]}-{block + number // 100_000:05d}-{number % 100_000:05d}-{year % 100:02d}"
