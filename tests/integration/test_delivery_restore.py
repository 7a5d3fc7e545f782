"""Delivery after a restore, on a real PostgreSQL: what the journal knows is not sent again, what nobody knows is for a person.

The disaster: what the tables knew is gone, the journal is there.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from events.decision import Decision
from services.delivery import left
from services.delivery import store as tables
from services.delivery.dispatch import Sent
from services.delivery.restoring import Reconciled, reconcile
from services.runtime.errors import Poison
from tests.integration.test_delivery import Desk
from tests.owned_store import OwnedStore


@pytest.fixture
def desk(make_store: Callable[[str], OwnedStore], tmp_path: Path) -> Desk:
    return Desk(make_store("delivery"), tmp_path / "public")


def lose(desk: Desk) -> None:
    """The database goes back to the moment before anything was approved; delivery is on hold."""
    desk.store.empty("delivery", "message", "feed", "receipt", "work", "outbox", "outbox_position")
    with desk.store.transaction() as transaction:
        transaction.execute("INSERT INTO brake (name, stopped, reason) VALUES (:name, true, :name)", {"name": tables.RESTORED})


def comes_back_by_itself(desk: Desk) -> None:
    """The same by other means than `make restore`: nobody has put delivery on hold. Delivery begins anew."""
    lose(desk)
    desk.store.empty("brake")
    desk.start("key")


def find(desk: Desk) -> Reconciled:
    with desk.store.transaction() as transaction:
        return reconcile(transaction, desk.journal, "operator")


def approve_anew(desk: Desk, decision: Decision) -> None:
    """The same letter, decided again: with other ids."""
    fresh = desk.decision()
    again = msgspec.structs.replace(
        decision, draft_id=fresh.draft_id, case_id=fresh.case_id, run_id=fresh.run_id, included=fresh.included
    )
    desk.approve(again)
    due(desk)


def due(desk: Desk) -> None:
    with desk.store.transaction() as transaction:
        transaction.execute("UPDATE work SET next_attempt_at = clock_timestamp()")
    desk.run()


def reasons(desk: Desk) -> list[str | None]:
    with desk.store.transaction() as transaction:
        return list(transaction.execute("SELECT last_error FROM work WHERE kind = 'send'").scalars())


def left_letters(desk: Desk) -> list[tuple[str, int]]:
    with desk.store.transaction() as transaction:
        return [(each.state, each.facts) for each in left.every(transaction)]


def send(desk: Desk, *answers: str) -> tuple[Decision, UUID]:
    decision = desk.decision()
    desk.approve(decision)
    desk.run()
    (message,) = desk.messages()
    for status in answers:
        desk.answer(message, status)
    desk.run()
    return decision, message.message_id


def test_a_database_that_is_older_than_the_journal_holds_sending_by_itself(desk: Desk) -> None:
    decision, message = send(desk, "received")
    desk.start("key")
    decision_after, _ = desk.decision(), desk.run()
    desk.approve(decision_after)
    desk.run()
    assert len(desk.messages()) == 2, "a mere restart holds nothing"
    comes_back_by_itself(desk)
    approve_anew(desk, decision)
    assert (reasons(desk), desk.messages()) == (["sending_is_stopped"], [])
    assert find(desk) == Reconciled(0, 1, 1, 0)
    due(desk)
    assert desk.messages() == [], "it takes over what had left"
    desk.start("key")
    desk.approve(desk.decision())
    desk.run()
    with desk.store.transaction() as transaction:
        assert not tables.held(transaction), "what reconcile has found is known"


def test_a_journal_that_was_altered_holds_sending_until_a_person_does_without_it(desk: Desk) -> None:
    send(desk)
    desk.journal.path.write_bytes(desk.journal.path.read_bytes().replace(b'"101"', b'"102"'))
    desk.start("key")
    desk.approve(desk.decision())
    desk.run()
    assert (reasons(desk), len(desk.messages())) == (["sending_is_stopped"], 1)
    with desk.store.transaction() as transaction:
        reconcile(transaction, None, "operator")
    desk.journal.set_aside()
    due(desk)
    assert len(desk.messages()) == 2


def test_a_letter_that_had_left_is_not_sent_again_and_keeps_its_answers(desk: Desk) -> None:
    decision, message = send(desk, "received", "accepted")
    lose(desk)
    approve_anew(desk, decision)
    assert desk.states() == [("pending", None)]
    assert find(desk) == Reconciled(known=0, left=1, unconfirmed=0, answers=0)
    due(desk)
    with desk.store.transaction() as transaction:
        (row,) = tables.every(transaction)
    assert [(step.state, step.reason) for step in row.delivery.history] == [
        ("pending", None), ("sent", "had_left"), ("received", None), ("acknowledged", None),
    ]  # fmt: skip
    assert (row.message_id, row.delivery.municipality) == (message, "101")
    assert desk.published("municipality.101.notification.v1") == 0
    assert left_letters(desk) == [("matched", 0)]


@pytest.mark.parametrize("found_under", ["key", "key\nnew"])
def test_it_is_recognised_under_a_new_key_too(desk: Desk, found_under: str) -> None:
    decision, message = send(desk, "received")
    lose(desk)
    desk.start(found_under)
    find(desk)
    desk.start("key\nnew\nnewest")
    approve_anew(desk, decision)
    assert (desk.states(), left_letters(desk)) == ([("received", None)], [("matched", 0)])
    with desk.store.transaction() as transaction:
        assert tables.known_messages(transaction, [message])


def test_it_counts_where_it_went_although_the_child_has_moved_or_died_since(desk: Desk) -> None:
    decision, _ = send(desk, "received")
    lose(desk)
    find(desk)
    desk.residence = msgspec.structs.replace(desk.residence, municipality="751", standing="dead")
    approve_anew(desk, decision)
    assert desk.states() == [("received", None)]


def test_what_nobody_answered_waits_until_a_person_has_asked(desk: Desk) -> None:
    decision, message = send(desk)
    lose(desk)
    assert find(desk).unconfirmed == 1
    approve_anew(desk, decision)
    assert (desk.states(), reasons(desk)) == ([("pending", None)], ["had_perhaps_left"])
    with desk.store.transaction() as transaction:
        assert left.settle(transaction, message, "closed") is not None
    due(desk)
    assert desk.states() == [("sent", None)]
    (sent,) = desk.messages()
    assert sent.message_id != message


def test_an_answer_that_comes_after_the_restore_proves_that_it_left(desk: Desk) -> None:
    decision, _ = send(desk)
    (message,) = desk.messages()
    lose(desk)
    with pytest.raises(Poison):
        desk.answer(message, "received")
    find(desk)
    approve_anew(desk, decision)
    assert reasons(desk) == ["had_perhaps_left"]
    desk.answer(message, "received")
    due(desk)
    desk.answer(message, "accepted")
    assert desk.states() == [("acknowledged", None)]
    assert len(list(desk.journal.read())) == 2, "and is written down too"


def test_a_municipality_that_reads_on_from_its_cursor_misses_nothing(desk: Desk) -> None:
    send(desk, "received")
    with desk.store.transaction() as transaction:
        (row,) = tables.feed(transaction, "101", 0, 10)
    lose(desk)
    find(desk)
    approve_other(desk)
    with desk.store.transaction() as transaction:
        assert len(tables.feed(transaction, "101", row.cursor, 10)) == 1, "another child's letter lies behind the cursor"


def approve_other(desk: Desk) -> None:
    desk.content = desk.content.replace("610118", "620118").replace("Ada", "Eva")
    desk.digest = hashlib.sha256(desk.content.encode()).hexdigest()
    desk.approve(desk.decision(digest=desk.digest))
    due(desk)


def test_answers_that_were_lost_are_found_and_what_has_none_is_offered_again(desk: Desk) -> None:
    send(desk, "received", "accepted")
    desk.store.empty("receipt")
    with desk.store.transaction() as transaction:  # the backup was taken when it had left and nobody had answered
        (row,) = tables.every(transaction)
        row.delivery = msgspec.structs.replace(row.delivery, state="sent", history=row.delivery.history[:2])
        tables.update(transaction, row)
        transaction.execute("INSERT INTO brake (name, stopped, reason) VALUES (:name, true, :name)", {"name": tables.RESTORED})
    before = desk.published("municipality.101.notification.v1")
    desk.sender.offer_everything_unanswered()
    assert desk.published("municipality.101.notification.v1") == before, "on hold"
    assert find(desk) == Reconciled(known=1, left=0, unconfirmed=0, answers=2)
    assert desk.states() == [("acknowledged", None)]


def test_reconciling_again_changes_nothing(desk: Desk) -> None:
    decision, _ = send(desk, "received")
    lose(desk)
    find(desk)
    approve_anew(desk, decision)
    before = left_letters(desk)
    assert find(desk).known == 1
    assert left_letters(desk) == before


def test_nothing_leaves_that_was_not_written_down(desk: Desk) -> None:
    desk.journal.path.parent.write_text("no folder")
    desk.approve(desk.decision())
    desk.run()
    assert desk.states() == [("pending", None)]
    assert desk.messages() == []
    assert reasons(desk) == ["Transient: dispatch_journal_unreadable errno=20"]
    desk.sender.compared = True  # the disk went away after delivery had begun
    due(desk)
    assert reasons(desk) == ["Transient: dispatch_journal_unwritable errno=17"]
    desk.journal.path.parent.unlink()
    due(desk)
    (entry,) = desk.journal.read()
    assert isinstance(entry, Sent)
    assert [each.message_id for each in desk.messages()] == [entry.message_id]
