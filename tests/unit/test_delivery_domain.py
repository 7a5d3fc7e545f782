"""Delivery's rules: what is checked before sending, where it goes, and that states only go forward."""

from datetime import UTC, datetime
from itertools import permutations
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.decision import Decision, Residence
from events.delivery import Delivery, StateChange
from events.http.identity import ChildResidence
from events.municipal import Receipt
from services.delivery.domain.sending import NewestDraft, Return, Routes, Send, Suppress, Verdict, decide
from services.delivery.domain.states import RANK, answer

NOW = datetime(2026, 9, 22, 12, tzinfo=UTC)
CHILD, CASE, DRAFT = uuid4(), uuid4(), uuid4()
ROUTES = Routes({}, {"825": "813"}, frozenset({"101", "751", "813"}))


def decision(**changes: object) -> Decision:
    made = Decision(
        draft_id=DRAFT,
        draft_version=2,
        case_id=CASE,
        child=CHILD,
        run_id=uuid4(),
        week="2026-W38",
        kind="first",
        state="approved",
        reason=None,
        included=[],
        left_out=[],
        corrects=None,
        digest="d",
        residence=Residence("101", False),
        district="1470",
        actor="reviewer-1470",
        automatic=False,
        decided_at=NOW,
    )
    return msgspec.structs.replace(made, **changes)


def residence(**changes: object) -> ChildResidence:
    return msgspec.structs.replace(ChildResidence(CHILD, CHILD, "resident", True, "101", False), **changes)


def verdict(newest: NewestDraft | None = None, told: str | None = None, **changes: object) -> Verdict:
    return decide(decision(), newest, residence(**changes), told, ROUTES)


def test_nothing_has_changed_so_it_is_sent() -> None:
    assert verdict(NewestDraft(DRAFT, 2, True)) == Send("101")


def test_a_move_alone_only_changes_the_recipient() -> None:
    assert verdict(municipality="751") == Send("751")


def test_a_municipality_that_another_one_acts_for_is_routed_there() -> None:
    assert verdict(municipality="825") == Send("813")


def test_an_acting_municipality_goes_before_delegation_and_register() -> None:
    routes = Routes({CHILD: "751"}, {"101": "813"}, ROUTES.served)
    assert decide(decision(), None, residence(), None, routes) == Send("751")


def test_work_that_another_municipality_does_for_the_acting_one_is_done_there() -> None:
    routes = Routes({CHILD: "825"}, ROUTES.delegations, ROUTES.served)
    assert decide(decision(), None, residence(), None, routes) == Send("813")


@pytest.mark.parametrize("standing", ["dead", "emigrated", "disappeared", "annulled", "unknown"])
def test_who_is_not_here_any_more_is_not_written_about(standing: str) -> None:
    assert verdict(standing=standing) == Suppress(standing)


def test_who_has_turned_18_is_not_written_about() -> None:
    assert verdict(under_18=False) == Suppress("turned_18")


def test_a_newer_draft_or_a_closed_case_stops_an_older_letter_before_anything_else() -> None:
    assert verdict(NewestDraft(DRAFT, 3, True), standing="dead") == Return("newer_version")
    assert verdict(NewestDraft(DRAFT, 2, False)) == Return("case_closed")
    assert verdict(NewestDraft(uuid4(), 9, False)) == Send("101"), "another draft of the same case is another letter"


def test_what_a_person_must_see_again_comes_back() -> None:
    assert verdict(canonical=uuid4()) == Return("child_merged")
    assert verdict(protected=True) == Return("protection_changed")
    assert verdict(municipality=None) == Return("no_municipality")
    assert verdict(municipality="460") == Return("no_municipality")


def test_a_retraction_goes_where_the_wrong_fact_lies_whatever_became_of_the_child() -> None:
    assert verdict(told="751", standing="dead", under_18=False, municipality=None) == Send("751")


def test_a_correction_about_a_child_that_is_protected_since_comes_before_a_person_first() -> None:
    assert verdict(told="751", protected=True) == Return("protection_changed")
    assert verdict(told="751", protected=True, standing="emigrated", municipality=None) == Send("751")


def delivery(state: str = "sent") -> Delivery:
    made = Delivery(
        uuid4(),
        DRAFT,
        2,
        CASE,
        CHILD,
        uuid4(),
        "2026-W38",
        "first",
        "101",
        "pending",
        None,
        [],
        None,
        [StateChange("pending", NOW, None)],
    )
    return msgspec.structs.replace(made, state=state)


def receipt(status: str) -> Receipt:
    return msgspec.convert(
        {"receipt_id": uuid4(), "message_id": uuid4(), "municipality": "101", "status": status, "reason": None, "at": NOW},
        Receipt,
    )


@pytest.mark.parametrize("order", list(permutations(["received", "accepted", "received"])))
def test_receipts_in_any_order_lead_to_the_same_state(order: tuple[str, ...]) -> None:
    found = delivery()
    for status in order:
        found = answer(found, receipt(status), NOW) or found
    assert found.state == "acknowledged"


@given(st.lists(st.sampled_from(["received", "accepted", "rejected", "failed"]), max_size=6))
def test_a_state_never_goes_back_and_the_history_tells_each_step(statuses: list[str]) -> None:
    found = delivery()
    for status in statuses:
        after = answer(found, receipt(status), NOW) or found
        assert RANK[after.state] >= RANK[found.state]
        found = after
    assert len({step.state for step in found.history}) == len(found.history)


def test_a_receipt_for_what_was_never_sent_changes_nothing() -> None:
    assert answer(delivery("pending"), receipt("accepted"), NOW) is None
