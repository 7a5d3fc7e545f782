"""Stories whose link the source does not state: it must be found out. Tagged `inferred`, left out of exact
comparison.
"""

from datetime import timedelta

from services.simulator.cast import Cast
from services.simulator.codes import DISTURBANCE, DRINK_DRIVING, SHOPLIFTING, SUICIDE_THREAT, THREATS
from services.simulator.stories.registry import story
from services.simulator.weeks import local


@story()
def same_event_two_districts(cast: Cast) -> None:
    """One incident registered twice without a link: one date either way, so the rule is not met."""
    father, _, child = cast.couple()
    happened = local(cast.stage.calendar.day(cast.week, 2), 9)
    rows = [
        cast.piece(
            father,
            DISTURBANCE,
            occurred=happened,
            at=happened + timedelta(hours=2 + hours),
            district=district,
        )
        for hours, district in ((0, cast.district), (5, cast.other_district()))
    ]
    cast.nothing(child, [father], "rule_not_met", rows=rows, tag="inferred", without_inference="none")


@story()
def same_event_counted_twice(cast: Cast) -> None:
    """Three events, one of them registered twice without a link: four pieces (R3) unless it is found out."""
    father, _, child = cast.couple()
    rows = [cast.baseline(father, SHOPLIFTING), cast.baseline(father, SUICIDE_THREAT)]
    happened = local(cast.stage.calendar.day(cast.week, 3), 8)
    for hours, district in ((1, cast.district), (6, cast.other_district())):
        rows.append(
            cast.piece(
                father,
                DRINK_DRIVING,
                occurred=happened,
                at=happened + timedelta(hours=hours),
                district=district,
            )
        )
    cast.nothing(child, [father], "rule_not_met", rows=rows, tag="inferred", without_inference="sent")


@story()
def foreign_number_of_a_resident(cast: Cast) -> None:
    """The second piece stands under a foreigner's number (ENR) of a man whom the register knows by CPR."""
    father, _, child = cast.couple()
    rows = [cast.baseline(father), cast.piece(cast.stage.foreign_number("ENR"), THREATS, kind="ENR")]
    cast.sent(child, [father], rows, ["R1"], tag="inferred", without_inference="none")
