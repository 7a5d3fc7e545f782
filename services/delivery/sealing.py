"""Encrypts a letter to its municipality's public key, as JWE (RFC 7516). Without a key nothing is sealed and nothing leaves."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from uuid import UUID

import msgspec
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key

from events.http.notification import FrozenLetter
from services.runtime.checks import mends
from services.runtime.checks.finding import Finding, bad, ok, warn
from services.runtime.checks.kafka import some

ALGORITHMS = {"EC": "ECDH-ES+A256KW", "RSA": "RSA-OAEP-256"}
"""Key agreement by key type; content is always AES-256-GCM."""


class Bundle(msgspec.Struct, frozen=True):
    """What a municipality decrypts: the letter's exact text and its digest."""

    message_id: UUID
    digest: str
    letter: str


class Keys:
    """The municipalities' public keys, one JWK file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read = lru_cache(maxsize=128)(self._load)

    def seal(self, municipality: str, message_id: UUID, letter: FrozenLetter) -> str | None:
        """The letter as compact JWE; None while the municipality has given no key."""
        path = self.folder / f"{municipality}.json"
        if not path.exists():
            return None
        key = self._read(path, path.stat().st_mtime_ns)
        algorithm = ALGORITHMS[key.key_type]
        plain = msgspec.json.encode(Bundle(message_id, letter.digest, letter.content))
        header = {"alg": algorithm, "enc": "A256GCM"} | ({"kid": key.kid} if key.kid else {})
        return jwe.encrypt_compact(header, plain, key, algorithms=[algorithm, "A256GCM"])

    def check(self, municipalities: Sequence[str]) -> Finding:
        """Whether there is a key for each municipality, and a public one only."""
        missing = [code for code in municipalities if not (self.folder / f"{code}.json").exists()]
        unfit = [code for code in municipalities if code not in missing and not self._is_public(self.folder / f"{code}.json")]
        files = [f"{code}.json" for code in [*unfit, *missing][:1]]
        mend = "".join(mends.copy("PUBLIC_KEY.jwk", self.folder / file, f"keys/{file}") for file in files)
        if unfit:
            return bad("keys", f"no public key: {some(unfit)}", mend)
        if missing:
            return warn("keys", f"municipalities without a key: {some(missing)}", mend)
        return ok("keys", f"{len(municipalities)} municipalities' public keys")

    def _is_public(self, path: Path) -> bool:
        try:
            return not self._read(path, path.stat().st_mtime_ns).is_private
        except (OSError, ValueError, JoseError):
            return False

    @staticmethod
    def _load(path: Path, changed: int) -> Key:
        return import_key(msgspec.json.decode(path.read_bytes()))
