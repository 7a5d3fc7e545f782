"""The ledger's equations notice what is lost or doubled, and call a week complete only when nothing waits."""

from hypothesis import given
from hypothesis import strategies as st

from events.topics import RECORD
from services.ledger import PARTITIONS, STEPS, Measure, check, handovers, weeks

amounts = st.integers(0, 50)
sound = st.fixed_dictionaries({part: amounts for parts in PARTITIONS.values() for part in parts}).map(
    lambda parts: {**parts, **{whole: sum(parts[part] for part in names) for whole, names in PARTITIONS.items()}}
)


def _matched(counts: dict[str, int]) -> dict[str, int]:
    return {**counts, **{given_: counts[taken] for given_, taken in STEPS}, "run_finished": 1}


@given(sound)
def test_a_sound_week_balances(counts: dict[str, int]) -> None:
    wrong, _ = check(_matched(counts))
    assert wrong == []


@given(sound, st.sampled_from(sorted(PARTITIONS)), st.sampled_from([-1, 1]))
def test_one_lost_or_doubled_anywhere_is_noticed(counts: dict[str, int], whole: str, by: int) -> None:
    counts = _matched(counts)
    part = PARTITIONS[whole][0]
    counts[part] += by
    wrong, _ = check(counts)
    assert any(line.startswith(whole) for line in wrong)


@given(sound, st.sampled_from(STEPS))
def test_a_candidate_draft_or_approval_on_its_way_keeps_the_week_open(counts: dict[str, int], step: tuple[str, str]) -> None:
    counts = _matched(counts)
    counts[step[0]] += 1
    wrong, waiting = check(counts)
    assert wrong == []
    assert any("on the way" in line for line in waiting)


def test_a_handover_that_handles_more_than_was_written_is_wrong() -> None:
    measures = [
        Measure("screening", "2026-W40", "run_finished", 1),
        Measure("intake", None, f"out:{RECORD.name}", 5),
        Measure("screening", None, f"in:{RECORD.name}", 6),
    ]
    (record,) = [each for each in handovers(measures) if each.topic == RECORD.name and each.reader == "screening"]
    assert record.on_the_way == -1
    (week,) = weeks(measures)
    assert not week.document()["balanced"]


def test_a_quiet_system_is_balanced_and_complete() -> None:
    (week,) = weeks(
        [Measure("screening", "2026-W40", "run_finished", 1), Measure("screening", "2026-W40", "catalogue:2026-1", 1)]
    )
    document = week.document()
    assert document["balanced"]
    assert document["complete"]
    assert document["catalogue"] == "2026-1"
