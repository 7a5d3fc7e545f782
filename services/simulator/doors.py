"""The services' public doors, as the people and systems of the outside world use them: one credential each."""

from typing import Any

import httpx
import msgspec

from services.runtime.settings import Settings

TIMEOUT_SECONDS = 120


class Doors:
    """Calls any door as any of the principals whose tokens lie in the secrets folder."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._http = self._connect()

    def _connect(self) -> httpx.Client:
        return httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False, verify=self.settings.tls.http_trust())

    def call(self, principal: str, method: str, service: str, path: str, body: Any = None, **query: Any) -> Any:
        """The decoded answer. Raises httpx.HTTPError when the door refuses or nobody answers."""
        token = self.settings.secret(f"http-{principal}")
        try:
            response = self._http.request(
                method,
                self.settings.url(service) + path,
                content=None if body is None else msgspec.json.encode(body),
                params={name: value for name, value in query.items() if value is not None},
                headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
            )
        except httpx.ConnectError:
            self._http = self._connect()  # its certificate may be another one by now, and so may whom we trust
            raise
        response.raise_for_status()
        return msgspec.json.decode(response.content) if response.content else None

    def get(self, principal: str, service: str, path: str, **query: Any) -> Any:
        """GET a door."""
        return self.call(principal, "GET", service, path, **query)

    def post(self, principal: str, service: str, path: str, body: Any = None) -> Any:
        """POST to a door."""
        return self.call(principal, "POST", service, path, {} if body is None else body)
