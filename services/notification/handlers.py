"""From a case event to a draft: what is asked for is composed, what is no longer asked for is withdrawn."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import msgspec

from events.case import Case
from services.notification import store
from services.notification.deciding import audit, publish
from services.notification.domain.draft import Ask, Draft, newest_district, receive, replaced
from services.runtime.events import Event
from services.runtime.transaction import Transaction

COMPOSE = "compose"


class Order(msgspec.Struct, frozen=True):
    """Work row: compose this version of this draft."""

    draft_id: UUID
    version: int


def on_case(transaction: Transaction, events: Sequence[Event[Case]]) -> None:
    """Apply case events. It keeps versions per draft, not per case: no draft is lost when a case has gone on to the next."""
    asks = [
        Ask(event.data, event.data.draft, event.version, event.time, uuid4())
        for event in sorted(events, key=lambda event: event.version)
        if event.data.draft is not None
    ]
    before = {draft.draft_id: draft for draft in store.lock_cases(transaction, {ask.case.case_id for ask in asks})}
    after = dict(before)
    for ask in asks:
        after[ask.draft.draft_id] = receive(after.get(ask.draft.draft_id), ask) or after[ask.draft.draft_id]
    after |= {draft.draft_id: draft for draft in replaced(after.values())}
    changed = [draft for draft in after.values() if draft != before.get(draft.draft_id)]
    store.save(transaction, changed)
    for draft in changed:
        _follow(transaction, before.get(draft.draft_id), draft)


def _follow(transaction: Transaction, before: Draft | None, draft: Draft) -> None:
    if draft.state == "composing" and (before is None or before.version != draft.version):
        order(transaction, draft)
    elif draft.state == "withdrawn" and (before is None or before.state != "withdrawn"):
        publish(transaction, draft, "withdrawn")
        audit(transaction, "erasure", "draft_withdrawn", draft, purpose="compose_notification", reason=draft.reason or "none")


def order(transaction: Transaction, draft: Draft) -> None:
    """Ask for a draft to be composed. Corrections have a lane of their own, so that no heap of new letters holds them up."""
    urgent = draft.asked.kind in ("correction", "retraction")
    lane = "corrections" if urgent or not draft.included else newest_district(draft.included)
    transaction.enqueue(COMPOSE, str(draft.draft_id), Order(draft.draft_id, draft.version), lane)
