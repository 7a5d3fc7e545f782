"""Notification's doors: drafts for the reviewers of a district, letters for delivery, counts for operators."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get, post
from litestar.exceptions import ClientException, NotFoundException
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from events.http.notification import FrozenLetter
from services.notification.desk import Desk, Unknown
from services.notification.domain.draft import Refused, State
from services.notification.messages import Approve, DraftLine, DraftView, Hold, LeaveOut, Outcome, Reject, SummaryLine
from services.runtime.http import actor, allow

Call = Request[Any, Any, Any]
REVIEWER = allow("reviewer")
Wanted = Annotated[State | None, QueryParameter(name="state")]
"""`?state=…`; Litestar keeps the plain name for itself."""


def routes(desk: Desk) -> list[ControllerRouterHandler]:
    """All doors of the service."""
    return [*_reading(desk), *_deciding(desk), *_serving(desk)]


@contextmanager
def _explained() -> Iterator[None]:
    """What the rules refuse, as HTTP says it: 409 with the reason, 404 for a draft that is not there for this person."""
    try:
        yield
    except Refused as refusal:
        raise ClientException(str(refusal), status_code=409) from None
    except Unknown:
        raise NotFoundException("there is no such draft in your districts, or no such approved letter") from None


def _reading(desk: Desk) -> list[ControllerRouterHandler]:
    @get("/drafts", opt=REVIEWER, sync_to_thread=True)
    def list_drafts(request: Call, wanted: Wanted = None) -> list[DraftLine]:
        return desk.drafts(actor(request), wanted)

    @get("/drafts/{draft_id:uuid}", opt=REVIEWER, sync_to_thread=True)
    def show_draft(request: Call, draft_id: FromPath[UUID]) -> DraftView:
        with _explained():
            return desk.show(actor(request), draft_id)

    return [list_drafts, show_draft]


def _deciding(desk: Desk) -> list[ControllerRouterHandler]:
    @post("/drafts/{draft_id:uuid}/approve", opt=REVIEWER, status_code=200, sync_to_thread=True)
    def approve(request: Call, draft_id: FromPath[UUID], data: JSONBody[Approve]) -> Outcome:
        with _explained():
            return desk.approve(actor(request), draft_id, data)

    @post("/drafts/{draft_id:uuid}/reject", opt=REVIEWER, status_code=200, sync_to_thread=True)
    def reject(request: Call, draft_id: FromPath[UUID], data: JSONBody[Reject]) -> Outcome:
        with _explained():
            return desk.reject(actor(request), draft_id, data)

    @post("/drafts/{draft_id:uuid}/hold", opt=REVIEWER, status_code=200, sync_to_thread=True)
    def hold(request: Call, draft_id: FromPath[UUID], data: JSONBody[Hold]) -> Outcome:
        with _explained():
            return desk.hold(actor(request), draft_id, data)

    @post("/drafts/{draft_id:uuid}/leave-out", opt=REVIEWER, status_code=200, sync_to_thread=True)
    def leave_out(request: Call, draft_id: FromPath[UUID], data: JSONBody[LeaveOut]) -> Outcome:
        with _explained():
            return desk.leave_out(actor(request), draft_id, data)

    return [approve, reject, hold, leave_out]


def _serving(desk: Desk) -> list[ControllerRouterHandler]:
    @get("/letters/{draft_id:uuid}/{version:int}", opt=allow("delivery"), sync_to_thread=True)
    def letter(request: Call, draft_id: FromPath[UUID], version: FromPath[int]) -> FrozenLetter:
        with _explained():
            return desk.letter(actor(request), draft_id, version)

    @get("/drafts/summary", opt=allow("operator", "auditor"), sync_to_thread=True)
    def summary() -> list[SummaryLine]:
        return desk.summary()

    return [letter, summary]
