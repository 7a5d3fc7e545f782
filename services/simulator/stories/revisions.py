"""Stories about later versions of a row: corrected, withdrawn, repeated, stale, in conflict; and about
something new.
"""

from services.simulator.cast import Cast
from services.simulator.codes import SERIOUS_ASSAULT, SEVERE, SUICIDE_ATTEMPT, THREATS, TRAFFIC
from services.simulator.people import Person
from services.simulator.rows import Row
from services.simulator.stories.registry import story


def told(cast: Cast) -> tuple[Person, Person, Row]:
    """A family of which the municipality is told in the story's first week; the row is the fresh piece."""
    father, _, child = cast.couple()
    past, fresh = cast.baseline(father), cast.piece(father)
    cast.sent(child, [father], [past, fresh], ["R1"])
    return father, child, fresh


@story()
def corrected_before_run(cast: Cast) -> None:
    """The charged man of the past was a witness, says revision 2, before anything was sent."""
    father, _, child = cast.couple()
    past = cast.baseline(father)
    cast.revise(past, cast.week, "corrected", revision=2, role="witness", outcome="none")
    cast.piece(father, THREATS)
    cast.nothing(child, [father], "rule_not_met")


@story(span=2)
def corrected_into_role(cast: Cast) -> None:
    """The witness turns out to be the perpetrator: the corrected version is fresh."""
    father, _, child = cast.couple()
    first, second = cast.piece(father, day=1), cast.piece(father, THREATS, day=3, role="witness")
    cast.nothing(child, [father], "rule_not_met")
    cast.revise(second, cast.week + 1, "corrected", revision=2, role="charged")
    cast.sent(child, [father], [first, second], ["R1"], week=cast.week + 1)


@story(span=2)
def corrected_after_notification(cast: Cast) -> None:
    """One of three pieces told was a mistake of role: a correction; the other two stand."""
    father, _, child = cast.couple()
    rows = [cast.baseline(father), cast.piece(father, day=1), cast.piece(father, THREATS, day=4)]
    cast.sent(child, [father], rows, ["R1"])
    cast.revise(rows[2], cast.week + 1, "corrected", revision=2, role="witness", outcome="none")
    cast.sent(child, [father], rows[2:], [], week=cast.week + 1, kind="correction")


@story()
def withdrawn_before_run(cast: Cast) -> None:
    """The piece of the past is withdrawn in the week of the fresh one."""
    father, _, child = cast.couple()
    past = cast.baseline(father)
    cast.revise(past, cast.week, "withdrawn", revision=2, status="withdrawn")
    cast.piece(father, THREATS)
    cast.nothing(child, [father], "rule_not_met")


@story(span=2)
def withdrawn_after_sending(cast: Cast) -> None:
    """All that was told is withdrawn: a retraction."""
    father, _, child = cast.couple()
    row = cast.piece(father, cast.rng.choice(SEVERE))
    cast.sent(child, [father], [row], ["R4"])
    cast.revise(row, cast.week + 1, "withdrawn", revision=2, status="withdrawn")
    cast.sent(child, [father], [row], [], week=cast.week + 1, kind="retraction")


@story(span=2)
def supplement(cast: Cast) -> None:
    """Something new the week after."""
    father, child, _ = told(cast)
    more = cast.piece(father, THREATS, week=cast.week + 1)
    cast.sent(child, [father], [more], ["R1"], week=cast.week + 1, kind="supplement")


@story(span=3)
def later_supplement(cast: Cast) -> None:
    """Nothing for a week, then something new."""
    father, child, _ = told(cast)
    more = cast.piece(father, THREATS, week=cast.week + 2, district=cast.other_district())
    cast.sent(child, [father], [more], ["R1"], week=cast.week + 2, kind="supplement")


@story(span=2)
def severe_supplement(cast: Cast) -> None:
    """Told by one rule, then another rule fires."""
    father, child, _ = told(cast)
    more = cast.piece(father, SUICIDE_ATTEMPT, week=cast.week + 1)
    cast.sent(child, [father], [more], ["R4"], week=cast.week + 1, kind="supplement")


@story(span=2)
def nothing_new(cast: Cast) -> None:
    """Told, and the week after only something outside the catalogue."""
    father, child, _ = told(cast)
    cast.piece(father, TRAFFIC, week=cast.week + 1, outcome="fined")
    cast.nothing(child, [father], "nothing_new", week=cast.week + 1)


@story(span=2)
def repeated_row(cast: Cast) -> None:
    """The same row again in the next extract."""
    _, _, fresh = told(cast)
    cast.revise(fresh, cast.week + 1, "repeated")


@story(span=2)
def stale_revision(cast: Cast) -> None:
    """Revision 2 came first; revision 1, which says witness, comes a week late."""
    father, _, child = cast.couple()
    fresh = cast.piece(father, SERIOUS_ASSAULT, revision=2)
    cast.sent(child, [father], [fresh], ["R4"])
    cast.revise(fresh, cast.week + 1, "stale", revision=1, role="witness")


@story(span=2)
def conflicting_row(cast: Cast) -> None:
    """The same revision with another role: what was there first stays, nothing is corrected."""
    _, _, fresh = told(cast)
    cast.revise(fresh, cast.week + 1, "quarantined", "conflict", "revision", role="witness")
