"""What goes to a municipality and what comes back: `municipality.<code>.notification.v1` and `…receipt.v1`.

The content is a JWE encrypted to the municipality's public key; ids are fresh, so that no pseudonym, correlation or
trace leaves the police's side.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from events.case import Kind
from events.delivery import RefusalReason


class Notification(msgspec.Struct, frozen=True):
    """One letter (*underretning*) for one municipality. `content` is a compact JWE of the letter bundle (JSON + HTML)."""

    message_id: UUID
    municipality: str
    kind: Kind
    refers_to: UUID | None
    sent_at: datetime
    content: str


class Receipt(msgspec.Struct, frozen=True):
    """A municipality's answer. `received` = the system has it, `accepted` = a person took it over, `rejected` with reason."""

    receipt_id: UUID
    message_id: UUID
    municipality: str
    status: Literal["received", "accepted", "rejected", "failed"]
    reason: RefusalReason | None
    at: datetime
