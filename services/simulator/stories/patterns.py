"""Stories about how many pieces, of what and when: the rules R1 to R5, met and nearly met."""

from datetime import UTC, timedelta

from services.simulator.cast import Cast
from services.simulator.codes import (
    ASSAULT,
    DISTURBANCE,
    DOMESTIC_ABUSE,
    DRINK_DRIVING,
    FAMILY_OFFENCE,
    GRAVE_ASSAULT,
    INTOXICATED,
    MENTAL_ILLNESS,
    NARCOTICS,
    ROBBERY,
    SERIOUS_ASSAULT,
    SEVERE,
    SHOPLIFTING,
    SUICIDE_ATTEMPT,
    SUICIDE_THREAT,
    THREATS,
    VIOLENCE,
)
from services.simulator.stories.registry import story
from services.simulator.weeks import local


@story()
def recurring_violence(cast: Cast) -> None:
    """One piece of the past, one fresh, in one district."""
    father, _, child = cast.couple()
    rows = [cast.baseline(father, cast.rng.choice(VIOLENCE)), cast.piece(father, cast.rng.choice(VIOLENCE))]
    cast.sent(child, [father], rows, ["R1"])


@story()
def several_districts(cast: Cast) -> None:
    """Two fresh pieces, each in another district: neither district alone would see it."""
    father, _, child = cast.couple()
    rows = [
        cast.piece(father, ASSAULT, day=1),
        cast.piece(father, THREATS, day=4, district=cast.other_district()),
    ]
    cast.sent(child, [father], rows, ["R1"])


@story()
def recurring_intoxication(cast: Cast) -> None:
    """R2 looks back 24 months: two pieces of the second year and a fresh one."""
    _, mother, child = cast.couple()
    rows = [
        cast.baseline(mother, NARCOTICS, age=450),
        cast.baseline(mother, INTOXICATED, age=500),
        cast.piece(mother, DRINK_DRIVING),
    ]
    cast.sent(child, [mother], rows, ["R2"])


@story()
def grave_and_slight(cast: Cast) -> None:
    """R1 with a grave piece that is too old to be severe on its own, or one that never is."""
    father, _, child = cast.couple()
    past = cast.baseline(father, cast.rng.choice((GRAVE_ASSAULT, FAMILY_OFFENCE, ROBBERY)), age=200)
    cast.sent(child, [father], [past, cast.piece(father, THREATS)], ["R1"])


@story()
def recurring_suicide_threat(cast: Cast) -> None:
    """R5: the second threat, or a threat some months after an attempt."""
    _, mother, child = cast.couple()
    past = cast.baseline(mother, cast.rng.choice((SUICIDE_THREAT, SUICIDE_ATTEMPT)), age=150)
    cast.sent(child, [mother], [past, cast.piece(mother, SUICIDE_THREAT)], ["R5"])


@story()
def combined_risk(cast: Cast) -> None:
    """R3: four pieces of four categories, none of which meets a rule of its own."""
    father, _, child = cast.couple()
    past = [cast.baseline(father, code) for code in (SHOPLIFTING, DRINK_DRIVING, MENTAL_ILLNESS)]
    cast.sent(child, [father], [*past, cast.piece(father, SUICIDE_THREAT)], ["R3"])


@story()
def severe_single(cast: Cast) -> None:
    """R4: one severe piece is enough."""
    father, _, child = cast.couple()
    cast.sent(child, [father], [cast.piece(father, cast.rng.choice(SEVERE))], ["R4"])


@story()
def domestic_victim(cast: Cast) -> None:
    """A victim of violence at home has a child who matters; of simple violence because the child was there."""
    _, mother, child = cast.couple()
    code = cast.rng.choice((ASSAULT, DOMESTIC_ABUSE))
    rows = [
        cast.baseline(mother, DISTURBANCE, role="victim"),
        cast.piece(mother, code, role="victim", outcome="none", child_present=code is ASSAULT),
    ]
    cast.sent(child, [mother], rows, ["R1"])


@story()
def severe_victim(cast: Cast) -> None:
    """A child saw how its mother was hurt badly: once is enough."""
    _, mother, child = cast.couple()
    cast.sent(child, [mother], [cast.piece(mother, SERIOUS_ASSAULT, role="victim", child_present=True)], ["R4"])


@story()
def victim_elsewhere(cast: Cast) -> None:
    """Hit by strangers in the street, twice and badly, without a child: this says nothing about the home."""
    _, mother, child = cast.couple()
    cast.baseline(mother, ASSAULT, role="victim")
    cast.piece(mother, ASSAULT, role="victim", day=1)
    cast.piece(mother, SERIOUS_ASSAULT, role="victim", day=4)
    cast.nothing(child, [mother], "not_counted")


@story()
def victim_not_counted(cast: Cast) -> None:
    """A victim of threats or theft is not counted."""
    _, mother, child = cast.couple()
    cast.baseline(mother, THREATS, role="victim")
    cast.piece(mother, THREATS, role="victim")
    cast.piece(mother, SHOPLIFTING, role="victim", day=4)
    cast.nothing(child, [mother], "not_counted")


@story()
def witness_not_counted(cast: Cast) -> None:
    """A witness and a reporter never count, however often."""
    _, mother, child = cast.couple()
    for day, role in enumerate(("witness", "reporter", "witness")):
        cast.piece(mother, DISTURBANCE, role=role, day=day)
    cast.nothing(child, [mother], "not_counted")


@story()
def dropped_or_acquitted(cast: Cast) -> None:
    """The fresh pieces came to nothing."""
    father, _, child = cast.couple()
    cast.baseline(father)
    cast.piece(father, SERIOUS_ASSAULT, outcome="dropped", day=1)
    cast.piece(father, THREATS, outcome="acquitted", day=3)
    cast.nothing(child, [father], "not_counted")


@story()
def old_evidence(cast: Cast) -> None:
    """The other piece is older than the look-back of twelve months."""
    father, _, child = cast.couple()
    cast.baseline(father, age=420 + cast.rng.randrange(200))
    cast.piece(father)
    cast.nothing(child, [father], "rule_not_met")


@story()
def old_severe(cast: Cast) -> None:
    """A severe piece older than three months, and a fresh ordinary one."""
    father, _, child = cast.couple()
    cast.baseline(father, SERIOUS_ASSAULT, age=130)
    cast.piece(father, DRINK_DRIVING)
    cast.nothing(child, [father], "rule_not_met")


@story()
def same_date(cast: Cast) -> None:
    """Two pieces on one date are not two dates."""
    father, _, child = cast.couple()
    morning = local(cast.stage.calendar.day(cast.week, 3), 8)
    for hours, code in ((0, ASSAULT), (9, DISTURBANCE)):
        happened = morning + timedelta(hours=hours)
        cast.piece(father, code, occurred=happened, at=happened + timedelta(hours=1))
    cast.nothing(child, [father], "rule_not_met")


@story()
def local_dates_differ(cast: Cast) -> None:
    """One date by UTC, two by Danish time: 23:30 and 00:30, written in UTC."""
    father, _, child = cast.couple()
    late = local(cast.stage.calendar.day(cast.week, 2), 23, 30).astimezone(UTC)
    rows = [
        cast.piece(father, ASSAULT, occurred=late + timedelta(hours=hours), at=late + timedelta(hours=8 + hours))
        for hours in (0, 1)
    ]
    cast.sent(child, [father], rows, ["R1"])


@story()
def local_date_same(cast: Cast) -> None:
    """Two dates by UTC, one by Danish time: 00:30 and 12:00 of one day, written in UTC."""
    father, _, child = cast.couple()
    day = cast.stage.calendar.day(cast.week, 2)
    for happened in (local(day, 0, 30).astimezone(UTC), local(day, 12).astimezone(UTC)):
        cast.piece(father, ASSAULT, occurred=happened, at=happened + timedelta(hours=1))
    cast.nothing(child, [father], "rule_not_met")


@story()
def before_week_end(cast: Cast) -> None:
    """Registered on Sunday at 23:59:59 Danish time, written in UTC: still this week."""
    father, _, child = cast.couple()
    last = cast.stage.calendar.end(cast.week).astimezone(UTC) - timedelta(seconds=1)
    cast.sent(child, [father], [cast.baseline(father), cast.piece(father, at=last)], ["R1"])


@story(span=2)
def after_week_end(cast: Cast) -> None:
    """Registered on Monday at 00:00:00 (in UTC still Sunday), delivered at once: it belongs to the week after."""
    father, _, child = cast.couple()
    first = cast.stage.calendar.end(cast.week).astimezone(UTC)
    rows = [cast.baseline(father), cast.piece(father, at=first)]
    cast.nothing(child, [father], "later_week")
    cast.sent(child, [father], rows, ["R1"], week=cast.week + 1)


@story()
def childless_adult(cast: Cast) -> None:
    """Meets the rule, and there is no child."""
    adult = cast.adult(cast.home())
    rows = [cast.baseline(adult), cast.piece(adult)]
    cast.nothing(None, [adult], "no_child", rows=rows)
