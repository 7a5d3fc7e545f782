"""The history checker finds each kind of violation, planted in a correct history, and finds none in a correct one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.history import Effect, Fact, History, Place, Reader, unseen, violations
from tests.system.town import Told, difference

PLACE = Place("deduplication.case.v1", 0)
READERS = [Reader("notification", PLACE), Reader("delivery", PLACE)]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Correct ones: some keys' versions in some order, all handled, set aside or pending; effects audited, letters arrived."""
    keys = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=25))
    facts = [Fact(number, key, keys[:number].count(key)) for number, key in enumerate(keys, 1)]
    aside = draw(st.sets(st.integers(1, len(keys)), max_size=3))
    waits = draw(st.sets(st.integers(1, len(keys)), max_size=3)) - aside
    handled = [fact for fact in facts if fact.position not in aside | waits]
    applied = {
        (reader, key): [fact.version for fact in handled if fact.key == key]
        for reader in READERS
        for key in {fact.key for fact in handled}
    }
    effects = [Effect("letter", f"{fact.key}{fact.version}") for fact in handled]
    return History(
        accepted={PLACE: facts},
        handled={reader: [(fact.position, fact.position + 1) for fact in handled] for reader in READERS},
        dead={reader: sorted(aside) for reader in READERS},
        pending={reader: sorted(waits) for reader in READERS},
        applied=applied,
        applying=READERS,
        once=effects,
        done=effects,
        audited=draw(st.permutations(effects)),
        sent=[effect.cause for effect in effects],
        arrived=[*(effect.cause for effect in effects), *(effect.cause for effect in effects[:2])],
    )


complete = histories().filter(lambda history: any(history.handled[READERS[0]]))
"""At least one fact was handled, so that something can be spoilt."""


def kinds(history: History) -> set[str]:
    return {violation.kind for violation in violations(history)}


@given(histories())
def test_a_correct_history_has_no_violations(history: History) -> None:
    assert violations(history) == []


def spoilt(kind: str, spoil: Callable[[History], dict[str, Any]]) -> None:
    @given(complete)
    def find(history: History) -> None:
        assert kind in kinds(replace(history, **spoil(history)))

    find()


def test_a_message_without_a_fate_is_lost() -> None:
    spoilt("lost", lambda history: {"handled": history.handled | {READERS[0]: history.handled[READERS[0]][1:]}})


def test_a_reader_that_handled_nothing_has_lost_all() -> None:
    spoilt("lost", lambda history: {"handled": history.handled | {READERS[1]: []}})


def test_an_accepted_message_that_has_left_the_order_is_lost() -> None:
    def remove(history: History) -> dict[str, Any]:
        facts = history.accepted[PLACE]
        beyond = Fact(len(facts) + 2, "z", 1)
        return {"accepted": {PLACE: [*facts, beyond]}}

    spoilt("lost", remove)


def test_a_letter_that_did_not_arrive_is_lost() -> None:
    spoilt("lost", lambda history: {"arrived": [each for each in history.arrived if each != history.sent[0]]})


def test_a_newest_version_that_was_not_applied_is_lost() -> None:
    def forget(history: History) -> dict[str, Any]:
        fact = max(history.accepted[PLACE], key=lambda fact: fact.position)
        later = Fact(fact.position + 1, fact.key, fact.version + 1)
        handled = {reader: [*ranges, (later.position, later.position + 1)] for reader, ranges in history.handled.items()}
        applied = {**history.applied, (READERS[0], fact.key): [fact.version]}
        return {"accepted": {PLACE: [*history.accepted[PLACE], later]}, "handled": handled, "applied": applied}

    spoilt("lost", forget)


def test_what_was_handled_and_left_no_trace_is_lost() -> None:
    spoilt("lost", lambda history: {"applied": dict(list(history.applied.items())[1:])})


def test_what_was_told_twice_is_one_too_many_and_what_was_told_once_one_too_few() -> None:
    told = Told("2026-W38", "0101610001", "first", "sent", None, "751")
    assert difference([told], [told]) == []
    assert difference([told], [told, told]) == [f"not expected: {told}"]
    assert difference([told, told], [told]) == [f"missing: {told}"]


def test_an_effect_that_happened_twice_is_doubled() -> None:
    spoilt("doubled", lambda history: {"once": [*history.once, history.once[-1]]})


def test_a_fact_with_two_fates_is_doubled() -> None:
    spoilt("doubled", lambda history: {"dead": history.dead | {READERS[0]: [history.handled[READERS[0]][0][0]]}})


def test_a_letter_that_was_never_sent_is_one_too_many() -> None:
    spoilt("doubled", lambda history: {"arrived": [*history.arrived, "unknown"]})


def test_a_position_that_was_never_written_is_one_too_many() -> None:
    beyond = (1_000, 1_001)
    spoilt("doubled", lambda history: {"handled": history.handled | {READERS[0]: [*history.handled[READERS[0]], beyond]}})


def test_a_version_that_was_never_written_is_one_too_many() -> None:
    def invent(history: History) -> dict[str, Any]:
        which, versions = next(iter(history.applied.items()))
        return {"applied": {**history.applied, which: [*versions, 1_000]}}

    spoilt("doubled", invent)


def test_versions_that_fall_are_out_of_order() -> None:
    def fall(history: History) -> dict[str, Any]:
        which, versions = next(iter(history.applied.items()))
        return {"applied": {**history.applied, which: [*versions, versions[-1]]}}

    spoilt("out of order", fall)


def test_versions_that_fall_along_the_positions_are_out_of_order() -> None:
    def swap(history: History) -> dict[str, Any]:
        last = history.accepted[PLACE][-1]
        again = Fact(last.position + 1, last.key, last.version)
        return {"accepted": {PLACE: [*history.accepted[PLACE], again]}}

    spoilt("out of order", swap)


def test_an_effect_without_an_entry_is_unaudited() -> None:
    spoilt("unaudited", lambda history: {"audited": history.audited[1:]})


def test_an_entry_without_an_effect_is_causeless() -> None:
    spoilt("causeless", lambda history: {"audited": [*history.audited, history.audited[0]]})


def test_a_history_of_nothing_has_no_violations_and_proves_nothing() -> None:
    assert violations(History()) == []
    named = [violation.what.rpartition(" ")[2] for violation in unseen(History(), ["letter", "run"])]
    assert named == ["accepted", "handled", "applied", "sent", "arrived", "letter", "run"]


@given(complete)
def test_in_a_whole_history_only_what_never_happened_is_unseen(history: History) -> None:
    assert unseen(history, ["letter"]) == []
    assert unseen(history, ["letter", "run"]) == [("unseen", "nothing is there of: run")]


def test_readers_that_handled_nothing_at_all_are_unseen() -> None:
    nothing = History(accepted={PLACE: []}, handled={reader: [] for reader in READERS})
    assert {violation.what.rpartition(" ")[2] for violation in unseen(nothing, [])} >= {"accepted", "handled"}
