"""`delivery.state.v1`: where one approved letter is on its way to the municipality, with its whole history."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from events.case import Kind

DeliveryState = Literal["pending", "sent", "received", "acknowledged", "refused", "failed", "suppressed", "returned"]
"""`received` and `acknowledged` follow SF2900's MODTAGET and ACCEPTERET; `refused` AFVIST; `failed` FEJLET."""
RefusalReason = Literal["wrong_municipality", "insufficient", "irrelevant", "wrong_person", "unreadable"]


class StateChange(msgspec.Struct, frozen=True):
    """One step of the history, with its moment and the reason code where there is one."""

    state: DeliveryState
    at: datetime
    reason: str | None


class Delivery(msgspec.Struct, frozen=True):
    """State of one notification. `municipality` is where it was routed; None before routing or where nobody could be found."""

    notification_id: UUID
    draft_id: UUID
    draft_version: int
    case_id: UUID
    child: UUID
    run_id: UUID
    week: str
    kind: Kind
    municipality: str | None
    state: DeliveryState
    reason: str | None
    included: list[UUID]
    corrects: UUID | None
    history: list[StateChange]
