"""What a world is asked to do once: a flood of first notifications, or a district whose extract is a week
late.
"""

from services.simulator.cast import Cast
from services.simulator.stage import Stage
from services.simulator.stories.patterns import recurring_violence

FLOOD_LEAST, FLOOD_MOST = 60, 20_000
"""Families. Far above the bounds of a small world; as many as there are numbers for in one week."""
FLOOD_SHARE = 100
"""One flooded family per so many persons: some fifty times an ordinary week."""


def flood(stage: Stage, persons: int) -> None:
    """Very many families that meet R1 in the same week."""
    for number in range(min(FLOOD_MOST, max(FLOOD_LEAST, persons // FLOOD_SHARE))):
        recurring_violence(Cast(stage, "flood", number))


def missing_district(stage: Stage, district: str, instances: int) -> None:
    """The fresh piece lies in the extract that comes a week late: the week after's run finds it."""
    for number in range(instances):
        cast = Cast(stage, "missing_district", number)
        father, _, child = cast.couple()
        rows = [cast.baseline(father), cast.piece(father, district=district)]
        cast.sent(child, [father], rows, ["R1"], week=cast.week + 1)
