"""What delivery does with events: approved letters become deliveries, newer drafts are remembered, receipts move states."""

import logging
from collections.abc import Sequence
from uuid import uuid4

from events import topics
from events.case import Case
from events.decision import Decision
from events.delivery import Delivery, StateChange
from events.municipal import Receipt
from services.delivery import store
from services.delivery.domain.sending import NewestDraft
from services.delivery.domain.states import answer
from services.delivery.store import Row
from services.runtime import points
from services.runtime.errors import Poison
from services.runtime.events import Event
from services.runtime.transaction import Transaction

log = logging.getLogger(__name__)

SEND = "send"
"""Kind of the work row of one approved letter; its lane is the municipality, so that none holds up another."""


def on_decisions(transaction: Transaction, events: Sequence[Event[Decision]]) -> None:
    """An approved version becomes a delivery, once; nothing else concerns us."""
    for event in events:
        if event.data.state == "approved":
            accept(transaction, event.data)


def accept(transaction: Transaction, decision: Decision) -> None:
    """Take over one approved letter."""
    delivery = Delivery(
        notification_id=uuid4(),
        draft_id=decision.draft_id,
        draft_version=decision.draft_version,
        case_id=decision.case_id,
        child=decision.child,
        run_id=decision.run_id,
        week=decision.week,
        kind=decision.kind,
        municipality=None,
        state="pending",
        reason=None,
        included=decision.included,
        corrects=decision.corrects,
        history=[StateChange("pending", transaction.now, None)],
    )
    if store.insert(transaction, delivery, decision.digest):
        publish(transaction, Row(delivery, 1, None, decision.digest))
        transaction.enqueue(SEND, str(delivery.notification_id), decision, lane=decision.residence.municipality or "")


def on_cases(transaction: Transaction, events: Sequence[Event[Case]]) -> None:
    """Remember the newest draft of each case: it stops an older letter before it leaves."""
    drafts = [(event.data.case_id, event.data.draft) for event in events]
    known = [(case, NewestDraft(draft.draft_id, draft.version, draft.open)) for case, draft in drafts if draft]
    store.remember_drafts(transaction, known)


def on_receipts(transaction: Transaction, events: Sequence[Event[Receipt]]) -> None:
    """A municipality's answers, each once, only about what was sent to it."""
    for event in events:
        if event.topic.name != topics.municipal_receipt(event.data.municipality).name:
            raise Poison("municipality_disagrees_with_topic")
        take_receipt(transaction, event.data)


def take_receipt(transaction: Transaction, receipt: Receipt) -> None:
    """Apply one receipt. Raises Poison for a message that this municipality never got."""
    row = store.of_message(transaction, receipt.message_id)
    if row is None or row.delivery.municipality != receipt.municipality:
        raise Poison("message_unknown_to_this_municipality")
    if not store.arrive(transaction, receipt):
        return
    transaction.audit(
        "collection",
        "receipt_" + receipt.status,
        purpose="delivery",
        actor=f"municipality-{receipt.municipality}",
        subjects=[row.delivery.child],
        case_id=row.delivery.case_id,
        run_id=row.delivery.run_id,
        week=row.delivery.week,
        municipality=receipt.municipality,
        notification=str(row.delivery.notification_id),
    )
    if (changed := answer(row.delivery, receipt, transaction.now)) is not None:
        row.delivery = changed
        store.update(transaction, row)
        publish(transaction, row)
    points.reach("receipt")


def publish(transaction: Transaction, row: Row) -> None:
    """Tell the state of a delivery as it is now."""
    delivery = row.delivery
    transaction.publish(topics.DELIVERY, str(delivery.notification_id), row.version, delivery, str(delivery.run_id))
