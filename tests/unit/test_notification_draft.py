"""What may become of a draft: versions, withdrawals, decisions, and what a reviewer may take away."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.case import CaseDraft
from services.notification.domain.draft import (
    UNDECIDED,
    Ask,
    Draft,
    LeftOut,
    Refused,
    check_decidable,
    districts,
    receive,
    replaced,
    still_left_out,
    withdraw,
    without,
)
from tests.notification_samples import DISTURBANCE, MOTHER, NOW, VIOLENCE, case, case_draft, item, key, waiting


def ask(case_version: int = 1, name: str = "letter", **changes: Any) -> Ask:
    draft = case_draft(**changes)
    return Ask(case(draft), draft, case_version, NOW, key(name))


def test_a_new_draft_is_composed() -> None:
    made = receive(None, ask())
    assert made is not None
    assert (made.state, made.version, made.content) == ("composing", 1, None)


def test_a_draft_already_closed_when_first_seen_is_accounted_for() -> None:
    made = receive(None, ask(open=False))
    assert made is not None
    assert (made.state, made.decision_version) == ("withdrawn", 1)


@pytest.mark.parametrize("state", ["waiting", "held", "approved", "rejected"])
def test_a_newer_version_is_composed_whatever_was_decided(state: Any) -> None:
    made = receive(waiting(state=state, actor="reviewer-1461"), ask(2, "second letter", version=2))
    assert made is not None
    assert (made.state, made.version, made.content, made.digest, made.actor) == ("composing", 2, None, "", None)
    assert made.letter_id == key("second letter")


def test_a_newer_version_is_about_the_child_under_its_pseudonym_of_now() -> None:
    draft = case_draft(version=2)
    made = receive(waiting(), Ask(case(draft, child=key("the same child")), draft, 2, NOW, key("second letter")))
    assert made is not None
    assert made.child == key("the same child")


@pytest.mark.parametrize("state", ["composing", "waiting", "held"])
def test_what_nobody_decided_is_withdrawn_with_its_text_when_the_case_closes(state: Any) -> None:
    made = receive(waiting(state=state), ask(2, open=False))
    assert made is not None
    assert (made.state, made.content, made.reason, made.decision_version) == ("withdrawn", None, "closed", 1)


@pytest.mark.parametrize("state", ["approved", "rejected"])
def test_what_was_decided_stays_decided_when_the_case_closes(state: Any) -> None:
    made = receive(waiting(state=state), ask(2, open=False))
    assert made is not None
    assert (made.state, made.decision_version, made.case_version) == (state, 0, 2)


def test_a_stale_event_changes_nothing() -> None:
    assert receive(waiting(case_version=3), ask(3, version=2)) is None


@given(st.permutations([(1, 1, True), (2, 2, True), (3, 3, True), (4, 3, False)]))
def test_in_whatever_order_events_come_the_newest_decides(order: list[tuple[int, int, bool]]) -> None:
    draft: Draft | None = None
    for case_version, version, is_open in order:
        draft = receive(draft, ask(case_version, version=version, open=is_open)) or draft
    assert draft is not None
    assert (draft.state, draft.case_version) == ("withdrawn", 4)


def test_a_case_that_went_on_to_another_draft_withdraws_the_older() -> None:
    older = waiting(draft_id=key("older"))
    newer = waiting(draft_id=key("newer"), case_version=2)
    other = waiting(draft_id=key("other"), case_id=key("another case"))
    assert [(each.draft_id, each.state, each.reason) for each in replaced([newer, older, other])] == [
        (key("older"), "withdrawn", "replaced")
    ]
    assert withdraw(waiting(state="approved"), "replaced").state == "approved"


@pytest.mark.parametrize(
    ("draft", "version", "digest", "why"),
    [
        (waiting(case_draft(version=2)), 1, "d" * 64, "version 2 has taken its place"),
        (waiting(), 2, "d" * 64, "is not the newest"),
        (waiting(), 1, "e" * 64, "the letter has changed"),
        (waiting(state="composing"), 1, None, "composed anew"),
        (waiting(state="approved"), 1, "d" * 64, "already approved"),
        (waiting(state="withdrawn"), 1, None, "already withdrawn"),
    ],
)
def test_only_what_was_seen_can_be_decided(draft: Draft, version: int, digest: str | None, why: str) -> None:
    with pytest.raises(Refused, match=why):
        check_decidable(draft, version, digest)


def test_what_waits_or_is_held_can_be_decided() -> None:
    check_decidable(waiting(), 1, "d" * 64)
    check_decidable(waiting(state="held"), 1)
    assert set(UNDECIDED) == {"composing", "waiting", "held"}


def test_leaving_out_composes_anew_and_keeps_the_rest() -> None:
    made = without(waiting(), VIOLENCE.evidence_id, "irrelevant")
    assert made.state == "composing"
    assert made.version == 1
    assert [each.evidence_id for each in made.included] == [DISTURBANCE.evidence_id]


@pytest.mark.parametrize("evidence_id", [key("unknown"), VIOLENCE.evidence_id])
def test_what_is_not_new_or_is_the_last_cannot_be_left_out(evidence_id: UUID) -> None:
    only = case_draft(new=[VIOLENCE], earlier=[DISTURBANCE])
    with pytest.raises(Refused):
        without(waiting(only), evidence_id, "irrelevant")


def test_left_out_stays_left_out_until_the_evidence_itself_changes() -> None:
    gone = [LeftOut(VIOLENCE.evidence_id, 1, "irrelevant")]
    changed = msgspec.structs.replace(VIOLENCE, version=2)
    assert still_left_out(gone, case_draft(version=2)) == gone
    assert still_left_out(gone, case_draft(version=2, new=[changed, DISTURBANCE])) == []
    assert still_left_out(gone, case_draft(version=2, new=[VIOLENCE])) == [], "a letter about nothing is shown to a person"


@pytest.mark.parametrize(
    ("municipality", "draft", "expected"),
    [
        ("751", case_draft(), ["1461"]),
        (None, case_draft(new=[item("old", 1, district="1460"), VIOLENCE]), ["1463"]),
        (None, case_draft(new=[VIOLENCE, item("mothers", 20, MOTHER, district="1461")]), ["1461", "1463"]),
        ("999", case_draft(new=[VIOLENCE]), ["1463"]),
    ],
)
def test_a_draft_belongs_to_the_childs_district_or_those_that_know_the_adults(
    municipality: str | None, draft: CaseDraft, expected: list[str]
) -> None:
    assert districts(municipality, draft) == expected
