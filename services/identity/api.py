"""Identity's doors: four for the other services, the clerk's queue, and the list of register deliveries."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from events.http.identity import (
    ResidenceAnswer,
    ResidenceRequest,
    ResolveAnswer,
    ResolveRequest,
    TiesAnswer,
    TiesRequest,
    UnmaskAnswer,
    UnmaskRequest,
)
from services.identity.doors import linked, waiting
from services.identity.doors.linked import Linked
from services.identity.doors.register import whole_register
from services.identity.doors.residence import residence
from services.identity.doors.resolve import resolve
from services.identity.doors.ties import ties
from services.identity.doors.unmask import unmask
from services.identity.doors.waiting import CloseRequest, LinkRequest, Waiting
from services.identity.register import files
from services.identity.register.files import BadLine, RegisterFile
from services.runtime.database import Store
from services.runtime.http import actor, allow

LARGEST_BODY_BYTES = 64 * 1024 * 1024
"""A million pseudonyms of 39 bytes: the adults of a whole national run in one question."""

AnyRequest = Request[Any, Any, Any]


def routes(store: Store) -> Sequence[ControllerRouterHandler]:
    """The doors over this database."""
    return [*_service_doors(store), *_clerk_doors(store), *_register_doors(store)]


def _service_doors(store: Store) -> list[ControllerRouterHandler]:
    options: dict[str, Any] = {"status_code": 200, "sync_to_thread": True, "request_max_body_size": LARGEST_BODY_BYTES}

    @post("/resolve", opt=allow("intake"), **options)
    def resolve_door(data: JSONBody[ResolveRequest], request: AnyRequest) -> ResolveAnswer:
        with store.transaction() as transaction:
            return resolve(transaction, data, actor(request).principal)

    @post("/ties", opt=allow("screening"), **options)
    def ties_door(data: JSONBody[TiesRequest], request: AnyRequest) -> TiesAnswer:
        with whole_register(store) as transaction:
            return ties(transaction, data, actor(request).principal)

    @post("/unmask", opt=allow("notification"), **options)
    def unmask_door(data: JSONBody[UnmaskRequest], request: AnyRequest) -> UnmaskAnswer:
        with whole_register(store) as transaction:
            return unmask(transaction, data, actor(request).principal)

    @post("/residence", opt=allow("delivery"), **options)
    def residence_door(data: JSONBody[ResidenceRequest], request: AnyRequest) -> ResidenceAnswer:
        with whole_register(store) as transaction:
            return residence(transaction, data, actor(request).principal)

    return [resolve_door, ties_door, unmask_door, residence_door]


def _clerk_doors(store: Store) -> list[ControllerRouterHandler]:
    @get("/waiting", opt=allow("clerk"), sync_to_thread=True)
    def list_waiting(request: AnyRequest) -> list[Waiting]:
        with store.transaction() as transaction:
            return waiting.list_waiting(transaction, actor(request).principal)

    @post("/waiting/{pseudonym:uuid}/link", opt=allow("clerk"), status_code=204, sync_to_thread=True)
    def link(pseudonym: FromPath[UUID], data: JSONBody[LinkRequest], request: AnyRequest) -> None:
        with store.transaction() as transaction:
            waiting.link(transaction, pseudonym, data, actor(request).principal)

    @post("/waiting/{pseudonym:uuid}/close", opt=allow("clerk"), status_code=204, sync_to_thread=True)
    def close(pseudonym: FromPath[UUID], data: JSONBody[CloseRequest], request: AnyRequest) -> None:
        with store.transaction() as transaction:
            waiting.close(transaction, pseudonym, data, actor(request).principal)

    @get("/linked", opt=allow("clerk"), sync_to_thread=True)
    def list_linked(request: AnyRequest) -> list[Linked]:
        with store.transaction() as transaction:
            return linked.list_linked(transaction, actor(request).principal)

    @post("/linked/{pseudonym:uuid}/undo", opt=allow("clerk"), status_code=204, sync_to_thread=True)
    def undo(pseudonym: FromPath[UUID], request: AnyRequest) -> None:
        with store.transaction() as transaction:
            linked.undo(transaction, pseudonym, actor(request).principal)

    return [list_waiting, link, close, list_linked, undo]


def _register_doors(store: Store) -> list[ControllerRouterHandler]:
    @get("/register-files", opt=allow("operator", "auditor"), sync_to_thread=True)
    def register_files() -> list[RegisterFile]:
        with store.transaction() as transaction:
            return files.listed(transaction)

    @get("/register-quarantine", opt=allow("operator", "auditor"), sync_to_thread=True)
    def register_quarantine() -> list[BadLine]:
        with store.transaction() as transaction:
            return files.bad_lines(transaction)

    return [register_files, register_quarantine]
