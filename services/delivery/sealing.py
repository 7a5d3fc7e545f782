"""Encrypts a letter to its municipality's public key, as JWE (RFC 7516). Without a key nothing is sealed and nothing leaves."""

from functools import lru_cache
from pathlib import Path
from uuid import UUID

import msgspec
from joserfc import jwe
from joserfc.jwk import Key, import_key

from events.http.notification import FrozenLetter

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

    @staticmethod
    def _load(path: Path, changed: int) -> Key:
        return import_key(msgspec.json.decode(path.read_bytes()))
