"""Delivery's doors: a municipality's feed and receipts, the operator's brake, list of deliveries and acting municipalities."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.exceptions import ClientException, HTTPException, NotFoundException
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from events.case import Kind
from events.delivery import DeliveryState, StateChange
from events.municipal import Notification, Receipt
from events.municipalities import BY_CODE
from services.delivery import acting, store
from services.delivery.handlers import take_receipt
from services.delivery.store import Row
from services.runtime.database import Store
from services.runtime.errors import Poison
from services.runtime.http import actor, allow
from services.runtime.transaction import LARGEST_INTEGER, Transaction

Call = Request[Any, Any, Any]
HELD = "the database was restored: `socialsog restore reconcile` must first find out what had left"
PAGE = 100
LARGEST_PAGE = 500
"""Messages per answer; a sealed letter is some 20 kB."""


class Feed(msgspec.Struct, frozen=True):
    """Messages after the cursor that was asked for; ask again with `next`."""

    messages: list[Notification]
    next: int


class DeliveryLine(msgspec.Struct, frozen=True):
    """One notification as operators and auditors see it; `child` is a pseudonym."""

    id: UUID
    week: str
    child: UUID
    municipality: str | None
    kind: Kind
    state: DeliveryState
    reason: str | None
    case_id: UUID
    run_id: UUID
    draft_id: UUID
    draft_version: int
    message_id: UUID | None
    changed_at: datetime
    history: list[StateChange]


class StopSending(msgspec.Struct, frozen=True):
    """Why sending is held."""

    reason: Literal["error_suspected", "instructed", "maintenance"]


class ActingMunicipality(msgspec.Struct, frozen=True):
    """The municipality that acts for a child (*handlekommune*) although the child is registered elsewhere."""

    child: UUID
    municipality: Annotated[str, msgspec.Meta(pattern=r"^\d{3}$")]


class Sending(msgspec.Struct, frozen=True):
    """Whether letters leave."""

    stopped: bool


def routes(database: Store) -> Sequence[ControllerRouterHandler]:
    """All doors of the service."""
    return [*_municipal(database), *_operator(database), *_acting(database)]


def _municipal(database: Store) -> list[ControllerRouterHandler]:
    @get("/v1/notifications", opt=allow("municipality"), sync_to_thread=True)
    def feed(
        request: Call,
        after: Annotated[int, QueryParameter(ge=0, le=LARGEST_INTEGER)] = 0,
        limit: Annotated[int, QueryParameter(ge=1, le=LARGEST_PAGE)] = PAGE,
    ) -> Feed:
        municipality = actor(request).municipality or ""
        with database.transaction() as transaction:
            rows = store.feed(transaction, municipality, after, limit)
        messages = [msgspec.json.decode(row.document, type=Notification) for row in rows]
        return Feed(messages, rows[-1].cursor if rows else after)

    @post("/v1/receipts", opt=allow("municipality"), status_code=202, sync_to_thread=True)
    def receive(request: Call, data: JSONBody[Receipt]) -> None:
        if data.municipality != actor(request).municipality:
            raise NotFoundException("no such message was sent to your municipality")
        try:
            with database.transaction() as transaction:
                held = store.held(transaction)
                take_receipt(transaction, data)
        except Poison:
            if held:
                raise HTTPException("we are restoring: answer again later", status_code=503) from None
            raise NotFoundException("no such message was sent to your municipality") from None

    return [feed, receive]


def _operator(database: Store) -> list[ControllerRouterHandler]:
    @get("/deliveries", opt=allow("operator", "auditor"), sync_to_thread=True)
    def deliveries(wanted: Annotated[DeliveryState | None, QueryParameter(name="state")] = None) -> list[DeliveryLine]:
        with database.transaction() as transaction:
            return [_line(row) for row in store.every(transaction, wanted)]

    @post("/stop-sending", opt=allow("operator"), status_code=200, sync_to_thread=True)
    def stop(request: Call, data: JSONBody[StopSending]) -> Sending:
        return _brake(database, request, stop=True, reason=data.reason)

    @post("/resume-sending", opt=allow("operator"), status_code=200, sync_to_thread=True)
    def resume(request: Call) -> Sending:
        return _brake(database, request, stop=False, reason="resumed")

    return [deliveries, stop, resume]


def _acting(database: Store) -> list[ControllerRouterHandler]:
    @get("/acting-municipality", opt=allow("operator", "auditor"), sync_to_thread=True)
    def listed() -> list[ActingMunicipality]:
        with database.transaction() as transaction:
            return [ActingMunicipality(child, municipality) for child, municipality in acting.listed(transaction).items()]

    @post("/acting-municipality", opt=allow("operator"), status_code=200, sync_to_thread=True)
    def put(request: Call, data: JSONBody[ActingMunicipality]) -> ActingMunicipality:
        if data.municipality not in BY_CODE:
            raise ClientException("not valid: municipality (no Danish municipality has this code)")
        with database.transaction() as transaction:
            acting.put(transaction, data.child, data.municipality)
            _audit_acting(transaction, request, "acting_municipality_set", data.child, data.municipality)
        return data

    @post("/acting-municipality/{child:uuid}/lift", opt=allow("operator"), status_code=204, sync_to_thread=True)
    def lift(request: Call, child: FromPath[UUID]) -> None:
        with database.transaction() as transaction:
            if not acting.lift(transaction, child):
                raise NotFoundException("no acting municipality is set for this child")
            _audit_acting(transaction, request, "acting_municipality_lifted", child, None)

    return [listed, put, lift]


def _audit_acting(transaction: Transaction, request: Call, action: str, child: UUID, municipality: str | None) -> None:
    principal = actor(request).principal
    transaction.audit("alteration", action, purpose="delivery", actor=principal, subjects=[child], municipality=municipality)


def _brake(database: Store, request: Call, *, stop: bool, reason: str) -> Sending:
    with database.transaction() as transaction:
        if not stop and store.held(transaction):
            raise HTTPException(HELD, status_code=409)
        store.set_brake(transaction, stop, reason)
        action = "sending_stopped" if stop else "sending_resumed"
        transaction.audit("alteration", action, purpose="operation", actor=actor(request).principal, reason=reason)
    return Sending(stop)


def _line(row: Row) -> DeliveryLine:
    delivery = row.delivery
    return DeliveryLine(
        id=delivery.notification_id,
        week=delivery.week,
        child=delivery.child,
        municipality=delivery.municipality,
        kind=delivery.kind,
        state=delivery.state,
        reason=delivery.reason,
        case_id=delivery.case_id,
        run_id=delivery.run_id,
        draft_id=delivery.draft_id,
        draft_version=delivery.draft_version,
        message_id=row.message_id,
        changed_at=delivery.history[-1].at,
        history=delivery.history,
    )
