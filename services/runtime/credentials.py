"""Who knocks: bearer tokens, known here only by their SHA-256. The actor always comes from the credential, never an argument."""

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

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
    """All principals by the digest of their token, from `credentials.json`."""

    def __init__(self, path: Path) -> None:
        try:
            listed = msgspec.json.decode(path.read_bytes(), type=list[Principal])
        except (OSError, msgspec.MsgspecError):
            raise Fatal(f"credentials cannot be read from {path}: run `make start`, or mount them") from None
        self._by_digest = {principal.sha256: principal for principal in listed}

    def of(self, authorization: str | None) -> Principal | None:
        """The principal of an `Authorization: Bearer …` header; None when there is none or it is unknown."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        return self._by_digest.get(hashlib.sha256(token.strip().encode()).hexdigest())
