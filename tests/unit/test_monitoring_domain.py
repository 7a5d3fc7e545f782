"""Counting: order, repetition and older versions change nothing, and each aggregate counts once, in its newest state."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from threading import Event as Signal
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.alias import Alias
from events.case import Case, CaseDraft
from events.decision import Decision, DecisionState, Residence
from events.delivery import Delivery, DeliveryState
from events.extract import Extract, RowCounts
from events.run import Run, RunCounts, RunStatus
from events.weeks import week_ending
from services.monitoring.domain import EVIDENCE, PERSONS, Tally, rates, states, tables
from services.monitoring.guard import BLOCKED_SECONDS, STOP_SECONDS, Guard
from services.monitoring.progress import STALL_SECONDS, BeginAgain, Progress
from services.runtime.service import EXIT_FATAL

SPACE = UUID("0d4a1c52-6f5c-4a52-8c31-9df20b9c1b11")
AT = datetime(2026, 9, 20, 22, 0, tzinfo=UTC)
Message = tuple[str, str, int, Any]


def named(name: str) -> UUID:
    return uuid5(SPACE, name)


def extract(sequence: int, counts: RowCounts) -> Extract:
    return Extract(f"1461-{sequence:05}", "1461", sequence, AT + timedelta(weeks=sequence - 1), counts, [])


def draft(name: str, week: str, is_open: bool, version: int = 1) -> Case:
    body = CaseDraft(named(name), version, is_open, "first", named("run"), week, [], [], [], [], None, [])
    return Case(named("case"), named("child"), body)


def decision(number: int, state: DecisionState, municipality: str | None, automatic: bool = False) -> Decision:
    ids = [named(f"{kind} {number}") for kind in ("draft", "case", "child")]
    residence = Residence(municipality, False)
    return Decision(
        ids[0],
        1,
        ids[1],
        ids[2],
        named("run"),
        "2026-W38",
        "first",
        state,
        None,
        [],
        [],
        None,
        "",
        residence,
        "1461",
        None,
        automatic,
        None,
    )


def delivery(number: int, state: DeliveryState, municipality: str | None) -> Delivery:
    ids = [named(f"{kind} {number}") for kind in ("notification", "draft", "case", "child")]
    return Delivery(ids[0], ids[1], 1, ids[2], ids[3], named("run"), "2026-W38", "first", municipality, state, None, [], None, [])


def run(status: RunStatus, candidates: int) -> Run:
    counts = RunCounts(adults=9, rule_met=candidates, candidates=candidates)
    return Run(named("run"), "2026-W38", status, AT, "2026-1", "", 1, 1, [], "schedule", counts)


def counted(messages: list[Message]) -> Tally:
    tally = Tally()
    for message in messages:
        tally.apply(*message)
    return tally


def shown(tally: Tally) -> tuple[object, ...]:
    return (*tables(tally), states(tally, PERSONS), states(tally, EVIDENCE))


STATES: tuple[DeliveryState, ...] = ("pending", "sent", "acknowledged", "refused")
MESSAGES: list[Message] = [
    ("extract", "e1", 1, extract(1, RowCounts(rows=6, new=3, corrected=1, withdrawn=1, stale=1))),
    ("extract", "e2", 1, extract(2, RowCounts(rows=1, new=1))),
    ("run", "run", 1, run("braked", 4)),
    ("run", "run", 2, run("finished", 4)),
    ("case", "c", 1, draft("a", "2026-W38", True)),
    ("case", "c", 2, draft("a", "2026-W38", False)),
    ("case", "c", 3, draft("b", "2026-W39", True)),
    ("decision", "d1", 1, decision(1, "waiting", None)),
    ("decision", "d1", 2, decision(1, "approved", "751")),
    ("decision", "d2", 1, decision(2, "approved", "751", automatic=True)),
    *(("delivery", "n1", version, delivery(1, state, "751")) for version, state in enumerate(STATES, 1)),
    ("delivery", "n2", 1, delivery(2, "pending", "101")),
    ("alias", "p0", 1, Alias(named("p0"), named("p0"), "waiting")),
    ("alias", "p0", 2, Alias(named("p0"), named("p0"), "identified")),
    ("alias", "p1", 1, Alias(named("p1"), named("p0"), "identified")),
]


def test_what_the_messages_come_to() -> None:
    weeks, municipalities, persons, _ = shown(counted(MESSAGES))
    assert weeks == {
        "2026-W38": {
            "records": 4,
            "records_withdrawn": 1,
            "extracts": 1,
            "rows": 6,
            "run_finished": 1,
            "adults": 9,
            "adults_rule_met": 4,
            "drafts_asked": 1,
            "drafts_approved": 2,
            "automatic": 1,
            "refused": 1,
            "pending": 1,
        },
        "2026-W39": {"records": 1, "extracts": 1, "rows": 1, "drafts_asked": 1, "drafts_open": 1},
    }
    assert municipalities == {"751": {"drafts_approved": 2, "refused": 1}, "101": {"pending": 1}}
    assert persons == {"identified": 1, "merged": 1}


@given(st.permutations(MESSAGES), st.lists(st.sampled_from(MESSAGES), max_size=20))
def test_any_order_and_repetition_gives_the_same_counts(messages: list[Message], again: list[Message]) -> None:
    tally = counted(messages + again)
    assert shown(tally) == shown(counted(MESSAGES))
    assert tally.stale >= len(again)


def test_a_municipality_not_known_yet_is_shown_as_such() -> None:
    _, municipalities = tables(counted([("decision", "d", 1, decision(1, "waiting", None))]))
    assert municipalities == {"unknown": {"drafts_waiting": 1}}


def test_the_same_key_on_two_topics_is_two_aggregates() -> None:
    alias = Alias(named("p0"), named("p0"), "identified")
    assert states(counted([("a", "k", 5, alias), ("b", "k", 1, alias)]), PERSONS) == {"identified": 2}


def test_a_series_counts_by_its_highest_number() -> None:
    tally = Tally()
    for position in (1, 3, 2):
        tally.number("intake", position)
    assert tally.highest == {"intake": 3}


@pytest.mark.parametrize(
    ("moment", "week"),
    [
        ("2026-09-21T00:00:00+02:00", "2026-W38"),
        ("2027-01-04T00:00:00+01:00", "2026-W53"),
        ("2026-10-26T00:00:00+01:00", "2026-W43"),
    ],
)
def test_the_week_that_ends_then(moment: str, week: str) -> None:
    assert week_ending(datetime.fromisoformat(moment)) == week


def test_rates_are_means_over_the_samples() -> None:
    samples = [(10.0, Counter({"a": 5})), (12.0, Counter({"a": 25, "b": 1}))]
    assert rates(samples) == {"a": 10.0, "b": 0.5}
    assert rates(samples[:1]) == {}


def test_a_shorter_log_begins_again() -> None:
    with pytest.raises(BeginAgain, match="log_lost_its_tail"):
        Progress().check({("t", 0): 5}, {("t", 0): 4}, 0.0)


def test_only_standing_still_with_work_to_do_is_a_stall() -> None:
    progress, ends = Progress(), {("t", 0): 9}
    progress.check({("t", 0): 9}, ends, 0.0)
    progress.check({("t", 0): 9}, ends, STALL_SECONDS * 2)
    progress.check({("t", 0): 5}, {("t", 0): 10}, STALL_SECONDS * 3)
    progress.check({("t", 0): 6}, {("t", 0): 10}, STALL_SECONDS * 5)
    progress.check({("t", 0): 6}, {("t", 0): 11}, STALL_SECONDS * 6)
    with pytest.raises(BeginAgain, match="stalled"):
        progress.check({("t", 0): 6}, {("t", 0): 12}, STALL_SECONDS * 6 + 1)


def test_the_guard_ends_a_process_whose_loop_is_blocked() -> None:
    stop = Signal()
    guard = Guard(stop, lambda: 0)
    assert guard.verdict(1_000.0) is None
    guard.beat = 1_000.0
    assert guard.verdict(1_000.0 + BLOCKED_SECONDS) is None
    assert guard.verdict(1_001.0 + BLOCKED_SECONDS) == EXIT_FATAL
    stop.set()
    assert guard.verdict(2_000.0) is None
    assert guard.verdict(2_001.0 + STOP_SECONDS) == 0
