"""HTTP doors. Each route says who may enter with `allow(...)`; a route that does not say is closed to everyone.

Answers about errors are problem details without values: a validation error names the field, never what was in it.
"""

import logging
from collections.abc import Callable, Sequence
from threading import Event as Signal
from threading import Thread
from typing import Any
from uuid import uuid4

import msgspec
import uvicorn
from litestar import Litestar, MediaType, Request, Response, get
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, NotAuthorizedException, PermissionDeniedException, ValidationException
from litestar.handlers.base import BaseRouteHandler
from litestar.types import ASGIApp, ControllerRouterHandler, Message, Receive, Scope, Send
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from services.runtime import metrics
from services.runtime.checks import certificates
from services.runtime.credentials import Credentials, Principal
from services.runtime.errors import describe, where
from services.runtime.log import bound
from services.runtime.settings import Settings

log = logging.getLogger(__name__)

EXPOSITION = CONTENT_TYPE_LATEST.partition("; charset")[0]
"""The framework adds the character set itself."""
OPEN_PATHS = ("/live", "/ready")
"""Health doors tell nothing but yes or no."""


def allow(*who: str) -> dict[str, Any]:
    """Route option: principals or kinds that may enter, as `@get("/x", opt=allow("intake", "auditor"))`."""
    return {"allow": who}


def actor(request: Request[Any, Any, Any]) -> Principal:
    """The principal behind a request."""
    principal: Principal = request.state.principal
    return principal


def _guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    if connection.url.path in OPEN_PATHS:
        return
    credentials: Credentials = connection.app.state.credentials
    principal = credentials.of(connection.headers.get("authorization"))
    if principal is None:
        raise NotAuthorizedException("send a valid bearer token")
    allowed = handler.opt.get("allow", ())
    if principal.principal not in allowed and principal.kind not in allowed:
        log.warning("door_refused", extra={"principal": principal.principal, "door": connection.url.path})
        raise PermissionDeniedException(f"this door is for {', '.join(allowed) or 'nobody'}")
    connection.state.principal = principal


def _problem(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else "internal error, see the service's log"
    if isinstance(error, ValidationException | msgspec.ValidationError):
        status, detail = 400, _fields(error)
    if status == 500:
        log.error("door_failed", extra={"door": request.url.path, "error": describe(error), "place": where(error)})
    body = {"type": "about:blank", "status": status, "title": type(error).__name__, "detail": detail}
    return Response(body, status_code=status, media_type="application/problem+json")


def _fields(error: Exception) -> str:
    extra = getattr(error, "extra", None)
    fields = [str(item.get("key", "")) for item in extra if isinstance(item, dict)] if isinstance(extra, list) else []
    return f"not valid: {', '.join(filter(None, fields)) or describe(error)}"


def _observed(app: ASGIApp) -> ASGIApp:
    """Count requests by door and status; log lines of one request share a correlation."""

    async def observed(scope: Scope, receive: Receive, send: Send) -> None:
        door, method = scope["path_template"], scope.get("method", "")

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                metrics.HTTP.labels(method, door, message["status"]).inc()
            await send(message)

        with bound(correlation=str(uuid4()), door=door):
            await app(scope, receive, counting)

    return observed


def application(
    settings: Settings,
    routes: Sequence[ControllerRouterHandler],
    ready: Callable[[], list[str]],
    registry: CollectorRegistry | None = None,
) -> Litestar:
    """The service's doors, with readiness, metrics and the guard."""
    registry = registry or metrics.registry()

    @get("/ready", media_type=MediaType.JSON, sync_to_thread=True)
    def readiness() -> Response[dict[str, list[str]]]:
        missing = ready()
        return Response({"waiting_for": missing}, status_code=503 if missing else 200)

    @get("/live", sync_to_thread=False)
    def liveness() -> str:
        return "ok"

    @get("/metrics", opt=allow("scraper"), sync_to_thread=True)
    def exposition() -> Response[bytes]:
        return Response(generate_latest(registry), media_type=EXPOSITION)

    app = Litestar(
        [readiness, liveness, exposition, *routes],
        guards=[_guard],
        middleware=[_observed],
        openapi_config=None,
        logging_config=None,
        exception_handlers={Exception: _problem, HTTPException: _problem, 500: _problem},
    )
    app.state.credentials = Credentials(settings.secrets / "credentials.json")
    return app


class Server(uvicorn.Server):
    """uvicorn inside a thread: the process's own signal handling stays in charge."""

    @classmethod
    def build(cls, settings: Settings, app: Litestar) -> "Server":
        """A server on this service's port."""
        if settings.tls.certificate:
            metrics.CERTIFICATE_ENDS.labels("doors").set(certificates.ends(settings.tls.certificate))
        config = uvicorn.Config(
            app,
            host=settings.http_host,
            port=settings.port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=5,
            ssl_certfile=settings.tls.certificate,
            ssl_keyfile=settings.tls.key,
        )
        return cls(config)

    def run_until(self, stop: Signal) -> None:
        """Serve until told to stop."""
        Thread(target=self._watch, args=(stop,), daemon=True, name="http-stop").start()
        self.run()

    def _watch(self, stop: Signal) -> None:
        stop.wait()
        self.should_exit = True


Door = tuple[str, str, tuple[str, ...]]
"""Method, path, and who may enter."""


def doors(routes: Sequence[ControllerRouterHandler]) -> list[Door]:
    """The table *endpoint × principal* of these routes: (methods, path, who)."""
    app = Litestar(list(routes), openapi_config=None, logging_config=None)
    table: list[Door] = []
    for route in app.routes:
        for handler in getattr(route, "route_handlers", []):
            methods = "/".join(sorted(handler.http_methods - {"OPTIONS", "HEAD"}))
            if methods:
                table.append((methods, route.path, tuple(handler.opt.get("allow", ()))))
    return sorted(table)
