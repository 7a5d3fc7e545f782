"""Everything that must not be found outside the rooms for clear personal data: what the leak test searches
for.
"""

import re
from collections.abc import Iterator

from services.simulator.names import canary_words
from services.simulator.world import World

PATTERN = re.compile(
    rb"(?<![0-9A-Za-z])(?:(?:6[1-9]|[78]\d|9[01])(?:0[1-9]|1[0-2])\d{6}"
    rb"|\d{4}-[678]\d{4}-\d{5}-\d\d)(?![0-9A-Za-z])"
    rb"|" + b"|".join(re.escape(word.encode()) for word in canary_words())
)
"""Finds canaries in any bytes in one pass: synthetic CPR numbers, our journal numbers, surnames and roads."""


def canaries(world: World, weeks: int = 3) -> Iterator[str]:
    """Surnames, roads, CPR, ENR, UNR and journal numbers of a world up to a week; some come twice."""
    yield from canary_words()
    for person in world.register():
        yield person.cpr
    for week in range(weeks + 1):
        if week:
            yield from (person.cpr for phase in ("before", "after") for person in world.register_changes(week, phase))
        for row in world.background(week):
            yield row.journal_number
        for planted in world.planted(week):
            yield planted.row.journal_number
            yield planted.row.identity
