"""Keyed hashes: how intake recognises a row key, a content or a place again without keeping it.

Keyed, because a journal number has few values: a plain hash of it could be undone by trying all. Row keys are HMAC-SHA256 with
the first key of the ring `pseudonym-key`; content and place are keyed BLAKE2b, three times faster, each under a key of its own.

Each further key of the ring is one more layer: HMAC-SHA256 over the hash so far. So what is kept can be re-keyed without knowing
what it was made of (`services.intake.keys`), two values are equal under all layers exactly when they were equal before, and an
older key without the newest opens nothing. Places are published and nobody re-keys them: they are hashed under the newest key
alone, and two of them can be compared only while the key is the same.
"""

import hmac
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import msgspec

from services.intake.domain.row import Row

DIGEST_BYTES = 16
"""Of contents and places: 128 bits, far beyond any chance of two meeting."""
_encode = msgspec.json.Encoder().encode


def keys(ring: str) -> list[str]:
    """The keys of a ring, oldest first: one per line."""
    return ring.split()


def fingerprint(known: Sequence[str]) -> str:
    """What tells this ring from any other without telling a key."""
    return hmac.new("\n".join(known).encode(), b"ring", "sha256").hexdigest()


def layer(secret: str, use: bytes) -> bytes:
    """The key of one layer over row keys (`record`) or contents (`content`)."""
    return hmac.digest(secret.encode(), b"layer|" + use, "sha256")


class Keyed:
    """Hashes under one ring of keys."""

    def __init__(self, ring: str) -> None:
        self.keys = keys(ring)
        first, newest = self.keys[0].encode(), self.keys[-1].encode()
        self._record = hmac.new(first, b"record|", "sha256")
        self._content = hmac.digest(first, b"content", "sha256")
        self._place, self._file = (hmac.digest(newest, use, "sha256") for use in (b"place", b"file"))
        self._record_layers, self._content_layers = (
            [layer(key, use) for key in self.keys[1:]] for use in (b"record", b"content")
        )

    def record(self, journal_number: str, party_number: int) -> bytes:
        """The row key. 32 bytes."""
        digest = self._record.copy()
        digest.update(f"{journal_number}|{party_number}".encode())
        return _layered(digest.digest(), self._record_layers)

    def content(self, row: Row) -> bytes:
        """Digest of all sixteen values; moments as moments, so that 22:00Z and 00:00+02:00 agree."""
        moments = (row.registered_at.timestamp(), row.occurred_at.timestamp())
        texts = (row.journal_number, row.superseded_journal_number, row.district, row.code, row.code_scheme, row.place)
        person = (row.identity_kind, row.identity, row.role, row.outcome, row.child_present)
        values = _encode((row.party_number, row.revision, row.status, *moments, *texts, *person))
        first = blake2b(values, digest_size=DIGEST_BYTES, key=self._content).digest()
        return _layered(first, self._content_layers)

    def place(self, text: str | None) -> str | None:
        """Hash (hex) of a place, the same whatever its letter case and spacing; None when there is none."""
        plain = " ".join((text or "").casefold().split())
        return blake2b(plain.encode(), digest_size=DIGEST_BYTES, key=self._place).hexdigest() if plain else None

    def file_name(self, name: str) -> str:
        """A stand-in for a file name of unexpected form, which may hold anything."""
        digest = blake2b(name.encode(errors="surrogateescape"), digest_size=6, key=self._file)
        return f"unexpected-name-{digest.hexdigest()}"


def _layered(digest: bytes, layers: Iterable[bytes]) -> bytes:
    """The digest under further layers; each as long as the one below."""
    for key in layers:
        digest = hmac.digest(key, digest, "sha256")[: len(digest)]
    return digest
