"""Stories about several records of one event, as the source itself states it: transferred, upgraded, late."""

from datetime import timedelta

from services.simulator.cast import Cast
from services.simulator.codes import DISTURBANCE, SERIOUS_ASSAULT, THREATS
from services.simulator.people import Person
from services.simulator.rows import Row
from services.simulator.stories.registry import story
from services.simulator.weeks import local


def transferred(cast: Cast, adult: Person) -> tuple[Row, Row]:
    """One event, registered in two districts: the second record takes the place of the first."""
    happened = local(cast.stage.calendar.day(cast.week, 0), 9)
    first = cast.piece(adult, occurred=happened, at=happened + timedelta(hours=1))
    second = cast.piece(
        adult,
        occurred=happened,
        at=happened + timedelta(days=2),
        district=cast.other_district(),
        supersedes=first,
    )
    return first, second


@story()
def transferred_case(cast: Cast) -> None:
    """Two records, one event: the rule is not met."""
    father, _, child = cast.couple()
    transferred(cast, father)
    cast.nothing(child, [father], "rule_not_met")


@story()
def transferred_and_more(cast: Cast) -> None:
    """The transferred case is one piece, another piece makes two."""
    father, _, child = cast.couple()
    _, tip = transferred(cast, father)
    cast.sent(child, [father], [tip, cast.piece(father, THREATS, day=4)], ["R1"])


@story()
def transferred_twice(cast: Cast) -> None:
    """A chain of three records in three districts over the weeks is one piece."""
    father, _, child = cast.couple()
    past = cast.baseline(father)
    middle = cast.piece(father, day=1, district=cast.other_district(), supersedes=past)
    cast.piece(father, day=4, supersedes=middle)
    cast.nothing(child, [father], "rule_not_met")


@story()
def transfer_withdrawn(cast: Cast) -> None:
    """The record that took the place of the first is itself withdrawn: the first stands again."""
    father, _, child = cast.couple()
    first = cast.baseline(father)
    cast.piece(father, day=1, district=cast.other_district(), supersedes=first, status="withdrawn")
    cast.sent(child, [father], [first, cast.piece(father, THREATS, day=4)], ["R1"])


@story()
def upgraded_charge(cast: Cast) -> None:
    """An investigation of a disturbance becomes a charge of serious assault under a new journal number."""
    father, _, child = cast.couple()
    first = cast.baseline(father, DISTURBANCE)
    cast.sent(child, [father], [cast.piece(father, SERIOUS_ASSAULT, supersedes=first)], ["R4"])


@story(earliest=2)
def late_record(cast: Cast) -> None:
    """Registered the week before, delivered now: this week's run finds it."""
    father, _, child = cast.couple()
    rows = [cast.baseline(father), cast.piece(father, week=cast.week - 1, delivered=cast.week)]
    cast.sent(child, [father], rows, ["R1"])


@story(span=2, latest=1)
def late_history(cast: Cast) -> None:
    """Registered before the first week, delivered in it and in the second: still history, which triggers nothing.

    A second father has one record of the first week: his history, come late, makes two that were never looked at together.
    """
    father, _, child = cast.couple()
    cast.baseline(father)
    cast.piece(father, week=0, delivered=1)
    cast.piece(father, day=4, week=0, delivered=2)
    cast.nothing(child, [father], "history")
    cast.nothing(child, [father], "history", week=2)
    other, _, sibling = cast.couple()
    rows = [cast.piece(other, week=0, delivered=2), cast.piece(other)]
    cast.nothing(sibling, [other], "rule_not_met")
    cast.sent(sibling, [other], rows, ["R1"], week=2)
