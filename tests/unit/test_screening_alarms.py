"""The alarm rules: what raises each, at which moment it is escalated, and that nothing is told twice."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import weeks
from events.municipalities import DISTRICTS
from services.runtime.errors import Fatal
from services.screening import thresholds
from services.screening.domain import alarms
from services.screening.domain.alarms import Alarm, changes, holding
from services.screening.domain.limits import Limits, Step
from services.screening.domain.vitals import Stall, Vitals, stalls
from services.screening.domain.workdays import WorkingCalendar
from services.screening.readiness import Plan

W38, W39, W40 = "2026-W38", "2026-W39", "2026-W40"
LIMITS = Limits(W38, time(12))
REAL = datetime(2026, 10, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CALENDAR = WorkingCalendar()


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def vitals(business: datetime = REAL, real: datetime = REAL, stalled: dict[str, Stall] | None = None, **services: Any) -> Vitals:
    """A snapshot in which every district has delivered, and all was run; `screening={"braked:2026-W40": 1}` and so on."""
    covered = {("screening", f"covers:{each}"): seconds(weeks.end("2026-W52")) for each in DISTRICTS}
    if not any(name.startswith("candidates:") for name in services.get("screening", {})):
        covered["screening", "candidates:2026-W52"] = 40
    given_ = {(service, name): amount for service, measures in services.items() for name, amount in measures.items()}
    return Vitals(business, real, covered | given_, stalled or {})


def levels(seen: Vitals, limits: Limits = LIMITS) -> dict[tuple[str, str], str]:
    return {alarm.key: alarm.level for alarm in holding(seen, limits)}


# the calendar


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=weeks.COPENHAGEN)


@pytest.mark.parametrize(
    ("since", "now", "days"),
    [
        ("2026-09-28T05:00", "2026-09-29T04:59", 0),
        ("2026-09-28T05:00", "2026-09-29T05:00", 1),
        ("2026-10-02T14:00", "2026-10-05T13:59", 0),  # Friday to Monday
        ("2026-10-02T14:00", "2026-10-05T14:00", 1),
        ("2026-10-03T10:00", "2026-10-05T23:59", 0),  # Saturday counts from Monday on
        ("2026-10-03T10:00", "2026-10-06T00:00", 1),
        ("2026-04-01T09:00", "2026-04-07T08:59", 0),  # Easter: Maundy Thursday to Easter Monday
        ("2026-04-01T09:00", "2026-04-07T09:00", 1),
        ("2024-04-25T09:00", "2024-04-26T09:00", 1),  # Great Prayer Day is a working day since 2024 …
        ("2023-05-04T09:00", "2023-05-05T09:00", 0),  # … and was none before
        ("2026-10-23T09:00", "2026-10-26T09:00", 1),  # the clocks go back between
    ],
)
def test_working_days_by_the_danish_calendar(since: str, now: str, days: int) -> None:
    assert CALENDAR.passed(moment(since), moment(now)) == days


def test_saturday_and_customary_days_off_are_settings() -> None:
    assert WorkingCalendar(saturday=True).passed(moment("2026-10-02T14:00"), moment("2026-10-05T14:00")) == 2
    closed = WorkingCalendar(closed=frozenset({date(2026, 12, 24)}))
    assert CALENDAR.passed(moment("2026-12-23T09:00"), moment("2026-12-24T09:00")) == 1
    assert closed.passed(moment("2026-12-23T09:00"), moment("2026-12-24T09:00")) == 0


moments = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)).map(lambda naive: naive.replace(tzinfo=UTC))


@given(moments, st.timedeltas(timedelta(0), timedelta(days=40)), st.timedeltas(timedelta(0), timedelta(days=40)))
def test_waiting_longer_never_counts_less_and_never_more_than_days_do(since: datetime, first: timedelta, more: timedelta) -> None:
    earlier, later = CALENDAR.passed(since, since + first), CALENDAR.passed(since, since + first + more)
    assert 0 <= earlier <= later <= earlier + more.days + 2
    assert earlier <= first.days + 1


# each rule


@pytest.mark.parametrize(
    ("measures", "now", "key", "warned", "escalated"),
    [
        ({"screening": {"braked:2026-W38": seconds(REAL)}}, REAL, ("flood", W38), 0 * HOUR, 24 * HOUR),
        (
            {"screening": {"candidates:2026-W38": 40}},
            weeks.after_end(W39, time(12)),
            ("run_late", W39),
            0 * HOUR,
            24 * HOUR,
        ),
        ({"delivery": {"unsent_since:letters": seconds(REAL)}}, REAL, ("unsent", "letters"), 24 * HOUR, 72 * HOUR),
        ({"delivery": {"unanswered_since:147": seconds(REAL)}}, REAL, ("no_receipt", "147"), 24 * HOUR, 72 * HOUR),
        (
            {"delivery": {"unaccepted_since:147": seconds(moment("2026-09-28T05:00"))}},
            moment("2026-09-28T05:00"),
            ("not_accepted", "147"),
            3 * 24 * HOUR,
            8 * 24 * HOUR,  # six working days
        ),
        (
            {"delivery": {"set_aside:x": 2, "dead_since:x": seconds(REAL)}},
            REAL,
            ("dead_letters", "delivery"),
            0 * HOUR,
            24 * HOUR,
        ),
        (
            {"intake": {"refused:x": 1, "refused_since:x": seconds(REAL), "refused_since:y": seconds(REAL + HOUR)}},
            REAL,
            ("refused_files", "intake"),
            0 * HOUR,
            24 * HOUR,
        ),
        (
            {"notification": {"draft_since:waiting": seconds(moment("2026-09-28T05:00"))}},
            moment("2026-09-28T05:00"),
            ("draft_old", "waiting"),
            24 * HOUR,
            72 * HOUR,
        ),
    ],
)
def test_what_ages_by_business_time(
    measures: dict[str, Any], now: datetime, key: tuple[str, str], warned: timedelta, escalated: timedelta
) -> None:
    almost = timedelta(seconds=1)
    for age, level in ((warned - almost, None), (warned, "warn"), (escalated - almost, "warn"), (escalated, "escalate")):
        assert levels(vitals(now + age, **measures)).get(key) == level


def test_a_draft_does_not_age_over_the_weekend() -> None:
    friday = moment("2026-10-02T05:00")
    drafts = {"draft_since:waiting": seconds(friday), "draft_since:held": seconds(friday - timedelta(days=4))}
    assert levels(vitals(moment("2026-10-04T20:00"), notification=drafts)) == {("draft_old", "held"): "escalate"}


@pytest.mark.parametrize(
    ("counts", "level"),
    [
        ({W38: 0}, None),  # nothing to compare with
        ({W38: 4, W39: 0}, "warn"),
        ({"2026-W35": 3, "2026-W36": 4, W38: 4, W39: 0}, "escalate"),
        ({"2026-W35": 3, "2026-W36": 0, W38: 4, W39: 0}, "warn"),
        ({W38: 0, W39: 0}, None),
        ({W38: 0, W39: 1}, None),
    ],
)
def test_zero_is_measured_against_the_runs_before(counts: dict[str, int], level: str | None) -> None:
    rows = {f"rows:{week}": 100 for week in counts}
    found = levels(vitals(screening={f"candidates:{week}": count for week, count in counts.items()}, intake=rows))
    assert found.get(("zero", "candidates")) == level
    assert ("zero", "rows") not in found


def test_a_week_without_any_row_is_a_zero_and_one_still_being_read_is_not() -> None:
    runs = {f"candidates:{week}": 1 for week in (W38, W39)}
    assert levels(vitals(screening=runs, intake={f"rows:{W38}": 900})) == {("zero", "rows"): "warn"}
    assert levels(vitals(screening=runs, intake={f"rows:{W38}": 900, f"rows:{W39}": 800, f"rows:{W40}": 0})) == {}


def test_a_district_is_missing_from_the_deadline_on_and_until_it_covers_the_week() -> None:
    deadline = weeks.after_end(W39, time(12))
    late = {"covers:1461": seconds(weeks.end(W38))}
    missing = ("missing_district", "1461")
    assert levels(vitals(deadline - HOUR, screening=late)) == {}
    assert levels(vitals(deadline, screening=late)) == {missing: "warn"}
    assert levels(vitals(deadline + 24 * HOUR, screening=late)) == {missing: "escalate"}
    assert levels(vitals(deadline + 24 * HOUR, screening={"covers:1461": seconds(weeks.end(W39))})) == {}
    assert levels(vitals(deadline + 8 * 24 * HOUR, screening={"covers:1461": seconds(weeks.end(W39))})) == {missing: "escalate"}


def test_before_the_first_week_is_over_no_district_is_missing_and_then_each_that_never_delivered_is() -> None:
    nobody = Vitals(weeks.end(W38), REAL, {})
    assert levels(nobody) == {}
    due = Vitals(weeks.after_end(W38, time(12)), REAL, {})
    assert levels(due) == {("missing_district", each): "warn" for each in DISTRICTS}


def test_a_week_is_late_only_when_nothing_but_the_system_keeps_it() -> None:
    late = weeks.after_end(W38, time(12))
    first = Vitals(late, REAL, {("screening", f"covers:{each}"): seconds(weeks.end(W38)) for each in DISTRICTS})
    assert levels(first) == {("run_late", W38): "warn"}
    district = Vitals(late, REAL, dict(list(first.amounts.items())[1:]))
    assert {kind for kind, _ in levels(district)} == {"missing_district"}, "the district is what it waits for"
    braked = {"candidates:2026-W38": 900, "braked:2026-W38": seconds(late)}
    assert {kind for kind, _ in levels(vitals(weeks.after_end(W39, time(12)), screening=braked))} == {"flood"}


def test_clocks_are_compared_with_the_database_and_with_each_other() -> None:
    two = {"intake": {"clock_ms:relay": 3_000}, "identity": {"clock_ms:relay": -3_000}}
    assert levels(vitals(**two)) == {("clock", "services"): "warn"}
    far = {"intake": {"clock_ms:relay": -61_000}}
    assert levels(vitals(**far)) == {("clock", "intake"): "escalate"}


def test_the_schedule_is_late_by_real_time_only() -> None:
    looked = {"looked:runs": seconds(REAL), "looked:alarms": seconds(REAL - 99 * HOUR)}
    assert levels(vitals(REAL + 99 * HOUR, REAL, screening=looked)) == {}
    assert levels(vitals(REAL, REAL + timedelta(seconds=900), screening=looked)) == {("scheduler", "runs"): "warn"}


# the relay: what stands still between two looks


def test_a_relay_that_moves_is_none_and_one_that_stands_is_told_by_its_longest_partition() -> None:
    first = stalls({}, vitals(intake={"behind:t/0": 5, "behind:t/1": 7}))
    later = vitals(real=REAL + timedelta(seconds=130), intake={"behind:t/0": 5, "behind:t/1": 8})
    second = stalls(first, later)
    assert second == {"intake t/0": Stall(5, REAL), "intake t/1": Stall(8, later.real)}
    assert levels(vitals(real=later.real, stalled=second)) == {("relay", "intake"): "warn"}
    assert levels(vitals(real=later.real, stalled={"intake t/1": second["intake t/1"]})) == {}
    assert stalls(second, vitals()) == {}


# what is told

some = st.builds(
    Alarm,
    st.sampled_from(["zero", "relay"]),
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["warn", "escalate"]),
    st.integers(0, 9),
    st.just(""),
)
looks = st.lists(st.lists(some, unique_by=lambda alarm: alarm.key), min_size=1, max_size=6)


@given(looks)
def test_each_change_is_told_once_and_the_telling_adds_up_to_what_holds(seen: list[list[Alarm]]) -> None:
    held: dict[tuple[str, str], Alarm] = {}
    for found in seen:
        told = list(changes(held.values(), found).told())
        assert len({alarm.key for _, alarm in told}) == len(told)
        for action, alarm in told:
            assert (alarm.key in held) == (action != "alarm_raised")
            if action == "alarm_cleared":
                del held[alarm.key]
            else:
                held[alarm.key] = alarm
        assert {key: alarm.level for key, alarm in held.items()} == {alarm.key: alarm.level for alarm in found}
        assert list(changes(held.values(), found).told()) == []


# settings


def test_thresholds_and_calendar_come_from_the_environment() -> None:
    environ = {
        "SOCIALSOG_ALARM_DRAFT_DAYS": "2,5",
        "SOCIALSOG_ALARM_SATURDAY": "on",
        "SOCIALSOG_ALARM_CLOSED_DAYS": "2026-12-24, 2026-12-31",
        "SOCIALSOG_ALARM_PERIOD_SECONDS": "5",
    }
    limits, period = thresholds.load(Plan(W38, 500), environ)
    assert (limits.draft_days, limits.receipt_hours, period) == (Step(2, 5), LIMITS.receipt_hours, 5)
    assert limits.calendar == WorkingCalendar(True, frozenset({date(2026, 12, 24), date(2026, 12, 31)}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SOCIALSOG_ALARM_DRAFT_DAYS", "3,1"),
        ("SOCIALSOG_ALARM_RELAY_SECONDS", "60"),
        ("SOCIALSOG_ALARM_SATURDAY", "maybe"),
        ("SOCIALSOG_ALARM_CLOSED_DAYS", "24 December"),
        ("SOCIALSOG_ALARM_PERIOD_SECONDS", "0"),
    ],
)
def test_a_setting_that_means_nothing_is_named(name: str, value: str) -> None:
    with pytest.raises(Fatal, match=name):
        thresholds.load(Plan(W38, 500), {name: value})


def test_every_rule_says_what_it_is_for_and_every_threshold_can_be_set() -> None:
    assert all(rule.__doc__ for rule in alarms.RULES)
    steps = {name for name, value in vars(LIMITS).items() if isinstance(value, Step)}
    assert set(thresholds.VARIABLES.values()) == steps
