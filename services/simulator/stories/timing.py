"""Stories about what happens to the child just before the run, or between the run and the sending.

The run is on Monday at 05:00. Register changes of the phase `after` come that Monday at 20:00, and the
reviewers are expected to decide on Tuesday at 12:00: so a letter is drafted and then meets a changed world.
"""

from datetime import date

from msgspec.structs import replace

from services.simulator.cast import Cast
from services.simulator.people import Person
from services.simulator.stage import Phase
from services.simulator.stories.families import violent
from services.simulator.stories.registry import story
from services.simulator.truth import Reason


def _born_18_years_before(cast: Cast, weekday: int) -> date:
    day = cast.stage.calendar.day(cast.week, weekday)
    leap_day = day.month == 2 and day.day == 29
    return day.replace(year=day.year - 18, day=28 if leap_day else day.day)


def _with_child_born(cast: Cast, birthday: date) -> tuple[Person, Person]:
    home = cast.home()
    father, mother = cast.adult(home), cast.adult(home, "F")
    return father, cast.child(home, mother, father, birthday)


def _stopped(cast: Cast, status: str, reason: Reason) -> None:
    father, _, child = cast.couple()
    rows = violent(cast, father)
    cast.suppressed(child, [father], rows, ["R1"], reason)
    day = cast.stage.calendar.day(cast.week, 7)
    cast.change(child, cast.week, "after", status=status, status_since=day, addresses=[])


def _moved(cast: Cast, phase: Phase, weekday: int) -> None:
    father, mother, child = cast.couple()
    home, day = cast.home(municipality=cast.elsewhere()), cast.stage.calendar.day(cast.week, weekday)
    rows = violent(cast, father)
    for person in (mother, child):
        left, entered = replace(person.addresses[-1], until=day), replace(home, since=day)
        cast.change(person, cast.week, phase, addresses=[left, entered])
    cast.sent(child, [father], rows, ["R1"], municipality=home.municipality)


@story()
def turned_18_before_run(cast: Cast) -> None:
    """18 on the Sunday: nobody is told."""
    father, child = _with_child_born(cast, _born_18_years_before(cast, 6))
    cast.nothing(child, [father], "no_child", rows=violent(cast, father))


@story()
def turns_18_before_sending(cast: Cast) -> None:
    """17 when the week ends, 18 on the Tuesday of the decision."""
    father, child = _with_child_born(cast, _born_18_years_before(cast, 8))
    cast.suppressed(child, [father], violent(cast, father), ["R1"], "turned_18")


@story()
def child_died_before_run(cast: Cast) -> None:
    """No living child."""
    father, _, child = cast.couple()
    day = cast.stage.calendar.day(cast.week, 3)
    cast.change(child, cast.week, "before", status="90", status_since=day, addresses=[])
    cast.nothing(child, [father], "no_child", rows=violent(cast, father))


@story()
def child_dies_before_sending(cast: Cast) -> None:
    """Drafted, and then there is nobody to help."""
    _stopped(cast, "90", "dead")


@story()
def child_leaves_before_sending(cast: Cast) -> None:
    """Drafted, and then the child is abroad."""
    _stopped(cast, "80", "emigrated")


@story()
def child_disappears_before_sending(cast: Cast) -> None:
    """Drafted, and then nobody knows where the child is."""
    _stopped(cast, "70", "disappeared")


@story()
def child_moves_before_run(cast: Cast) -> None:
    """The mother moved with the child in the week itself: the new municipality is told."""
    _moved(cast, "before", 4)


@story()
def child_moves_before_sending(cast: Cast) -> None:
    """The mother moved with the child on the Monday: only the address of the letter changes."""
    _moved(cast, "after", 7)


@story()
def partner_moved_out(cast: Cast) -> None:
    """The mother's partner left before the end of the week: no household at the end of it."""
    home = cast.home()
    mother, partner = cast.adult(home, "F"), cast.adult(home)
    child = cast.child(home, mother)
    rows = violent(cast, partner)
    cast.change(partner, cast.week, "before", addresses=[cast.home()])
    cast.nothing(child, [partner], "no_child", rows=rows)
