"""Calling another service's door: one pooled HTTP client per process, with this service's credential and short timeouts."""

from collections.abc import Generator
from typing import Any, TypeVar

import httpx
import msgspec

from services.runtime.settings import Settings

T = TypeVar("T")
TIMEOUT = httpx.Timeout(120, connect=3)
"""Batches of the national screening may take a minute; a peer that is not there is known within three seconds."""


class Bearer(httpx.Auth):
    """This service's token, read anew for each request, so that a rotated one is used at once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers["authorization"] = f"Bearer {self.settings.secret(f'http-{self.settings.service}')}"
        yield request


class Client:
    """Typed calls to one service. Raises httpx errors; `errors.is_transient` says which are worth another try."""

    def __init__(self, settings: Settings, service: str) -> None:
        settings.secret(f"http-{settings.service}")  # one that is missing is known at the start
        self._http = httpx.Client(
            base_url=settings.url(service),
            timeout=TIMEOUT,
            trust_env=False,
            verify=settings.tls.http_trust(),
            auth=Bearer(settings),
        )

    def post(self, path: str, body: Any, answer: type[T]) -> T:
        """POST a struct, get a struct."""
        headers = {"content-type": "application/json"}
        response = self._http.post(path, content=msgspec.json.encode(body), headers=headers)
        response.raise_for_status()
        return msgspec.json.decode(response.content, type=answer)

    def get(self, path: str, answer: type[T], **query: str | int) -> T:
        """GET a struct."""
        response = self._http.get(path, params=query)
        response.raise_for_status()
        return msgspec.json.decode(response.content, type=answer)
