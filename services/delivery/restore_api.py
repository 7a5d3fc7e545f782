"""Delivery's doors after a restore: read the dispatch journal, list what left, and say what a person has found out."""

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from services.delivery import left
from services.delivery.dispatch import Journal, JournalAltered
from services.delivery.left import LeftLine
from services.delivery.restoring import Reconciled, reconcile
from services.delivery.work import Sender
from services.runtime.database import Store
from services.runtime.http import actor, allow

Call = Request[Any, Any, Any]
CONFLICT = 409


class Reconcile(msgspec.Struct, frozen=True):
    """`without_journal`: there is none, and a person takes it upon himself that letters may leave twice."""

    without_journal: bool = False


class Settle(msgspec.Struct, frozen=True):
    """What a person found out by asking the municipality: it did leave, or it need not be compared any more."""

    state: Literal["left", "closed"]


def restore_routes(database: Store, journal: Journal, sender: Sender) -> Sequence[ControllerRouterHandler]:
    """The doors."""

    @post("/restore/reconcile", opt=allow("operator"), status_code=200, sync_to_thread=True)
    def read_journal(request: Call, data: JSONBody[Reconcile]) -> Reconciled:
        try:
            with database.transaction() as transaction:
                result = reconcile(transaction, None if data.without_journal else journal, actor(request).principal)
        except FileNotFoundError:
            raise _refuse(f"there is no dispatch journal at {journal.path}: put it there, or say that there is none") from None
        except JournalAltered as error:
            raise _refuse(
                f"line {error} of the dispatch journal does not follow from those before: find an unaltered copy"
            ) from None
        if data.without_journal:
            journal.set_aside()
        sender.offer_everything_unanswered()
        return result

    @get("/restore/letters", opt=allow("operator", "auditor"), sync_to_thread=True)
    def letters() -> list[LeftLine]:
        with database.transaction() as transaction:
            return left.every(transaction)

    @post("/restore/letters/{message_id:uuid}", opt=allow("operator"), status_code=200, sync_to_thread=True)
    def settle(request: Call, message_id: FromPath[UUID], data: JSONBody[Settle]) -> LeftLine:
        with database.transaction() as transaction:
            line = left.settle(transaction, message_id, data.state)
            if line is None:
                raise NotFoundException("no such letter waits to be matched")
            who, message = actor(request).principal, str(message_id)
            transaction.audit("alteration", f"left_letter_{data.state}", purpose="operation", actor=who, message=message)
        return line

    return [read_journal, letters, settle]


def _refuse(detail: str) -> HTTPException:
    return HTTPException(detail, status_code=CONFLICT)
