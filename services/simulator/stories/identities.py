"""Stories about who a record is about: changed numbers, no number, a number that the register learns of
later.
"""

from services.simulator.cast import Cast
from services.simulator.codes import THREATS
from services.simulator.stories.registry import story


@story()
def changed_number(cast: Cast) -> None:
    """One piece under the old number, one under the new; the child's line may still name the old one."""
    father, _, child = cast.couple()
    past = cast.baseline(father)
    now = cast.renumber(father, cast.week)
    if cast.number % 2:
        parents = [parent if parent.kind == "mother" else type(parent)(now.cpr, "father") for parent in child.parents]
        child = cast.change(child, cast.week, "before", parents=parents)
    cast.sent(child, [now], [past, cast.piece(now, THREATS)], ["R1"])


@story(span=2)
def child_number_changed(cast: Cast) -> None:
    """The child has another number the week after: still the same child, so a supplement."""
    father, _, child = cast.couple()
    rows = [cast.baseline(father), cast.piece(father)]
    cast.sent(child, [father], rows, ["R1"])
    now = cast.renumber(child, cast.week + 1)
    more = cast.piece(father, THREATS, week=cast.week + 1)
    cast.sent(now, [father], [more], ["R1"], week=cast.week + 1, kind="supplement")


@story()
def foreigner_without_cpr(cast: Cast) -> None:
    """ENR: the register cannot know the person; the records wait, visibly."""
    number = cast.stage.foreign_number("ENR")
    rows = [cast.piece(number, day=1, kind="ENR"), cast.piece(number, THREATS, day=3, kind="ENR")]
    cast.nothing(None, [number], "waiting_for_identity", rows=rows)


@story()
def unknown_birth_date(cast: Cast) -> None:
    """UNR, likewise."""
    number = cast.stage.foreign_number("UNR")
    rows = [cast.piece(number, day=1, kind="UNR"), cast.piece(number, THREATS, day=3, kind="UNR")]
    cast.nothing(None, [number], "waiting_for_identity", rows=rows)


@story()
def number_never_known(cast: Cast) -> None:
    """A CPR number of the right form that the register does not have."""
    number, _ = cast.stage.adult_number("M")
    rows = [cast.piece(number, day=1), cast.piece(number, THREATS, day=3)]
    cast.nothing(None, [number], "waiting_for_identity", rows=rows)


@story(span=2)
def known_later(cast: Cast) -> None:
    """The register learns of the whole family the week after: that week's run finds what had waited."""
    family = father, _, child = cast.couple()
    cast.keep_out(*family)
    rows = [cast.piece(father, day=1), cast.piece(father, THREATS, day=4)]
    cast.nothing(None, [father], "waiting_for_identity", rows=rows)
    for person in family:
        cast.change(person, cast.week + 1, "before")
    cast.sent(child, [father], rows, ["R1"], week=cast.week + 1)
