"""Who knocks: bearer tokens, known here only by their SHA-256. The actor always comes from the credential, never an argument."""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from services.runtime.checks import mends
from services.runtime.errors import Fatal

Kind = Literal["service", "reviewer", "approver", "operator", "auditor", "municipality", "clerk", "scraper"]


class Principal(msgspec.Struct, frozen=True):
    """Somebody with a credential. A reviewer belongs to districts, a municipality's system to its municipality."""

    principal: str
    kind: Kind
    sha256: str
    districts: list[str] = []
    municipality: str | None = None


class Credentials:
    """All principals by the digest of their token, from `credentials.json`, which is read again when it has changed.

    While a token is being rotated its principal is listed twice, and both tokens are good. What cannot be read later changes
    nothing: who was known stays known.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._read(_mark(path))
        except (OSError, msgspec.MsgspecError):
            raise Fatal(f"credentials cannot be read from {path}: run {mends.START}, or mount them") from None

    def _read(self, mark: tuple[int, int]) -> None:
        listed = msgspec.json.decode(self._path.read_bytes(), type=list[Principal])
        self._by_digest = {principal.sha256: principal for principal in listed}
        self._mark = mark

    def _refresh(self) -> None:
        with suppress(OSError, msgspec.MsgspecError):
            if (mark := _mark(self._path)) != self._mark:
                self._read(mark)

    def of(self, authorization: str | None) -> Principal | None:
        """The principal of an `Authorization: Bearer …` header; None when there is none or it is unknown."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        self._refresh()
        return self._by_digest.get(hashlib.sha256(token.strip().encode()).hexdigest())


def _mark(path: Path) -> tuple[int, int]:
    """What changes when the file is replaced."""
    found = path.stat()
    return found.st_mtime_ns, found.st_ino
