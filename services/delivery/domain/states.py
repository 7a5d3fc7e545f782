"""The states of a delivery only go forward: pending → sent → received → acknowledged, refused or failed.

A receipt that comes late, twice or out of order changes nothing that a later one has already said.
"""

from datetime import datetime

import msgspec

from events.delivery import Delivery, DeliveryState, StateChange
from events.municipal import Receipt

RANK: dict[DeliveryState, int] = {
    "pending": 0,
    "sent": 1,
    "received": 2,
    "acknowledged": 3,
    "refused": 3,
    "failed": 3,
    "suppressed": 3,
    "returned": 3,
}
"""How far a state is; only a higher rank follows."""

ANSWERS: dict[str, DeliveryState] = {
    "received": "received",
    "accepted": "acknowledged",
    "rejected": "refused",
    "failed": "failed",
}


def advance(delivery: Delivery, state: DeliveryState, at: datetime, reason: str | None = None) -> Delivery | None:
    """The delivery one step further, with its history; None when that step is behind it already."""
    if RANK[state] <= RANK[delivery.state]:
        return None
    step = StateChange(state, at, reason)
    return msgspec.structs.replace(delivery, state=state, reason=reason, history=[*delivery.history, step])


def answer(delivery: Delivery, receipt: Receipt, at: datetime) -> Delivery | None:
    """What a municipality's receipt makes of a delivery that was sent; None when it changes nothing."""
    if RANK[delivery.state] == 0:
        return None
    return advance(delivery, ANSWERS[receipt.status], at, receipt.reason)
