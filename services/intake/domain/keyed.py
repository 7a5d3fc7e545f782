"""Keyed hashes: how intake recognises a row key, a content or a place again without keeping it.

Keyed, because a journal number has few values: a plain hash of it could be undone by trying all. Row keys are HMAC-SHA256 with
the secret `pseudonym-key`; content and place are keyed BLAKE2b, three times faster, each under a key of its own derived from it.
"""

import hmac
from hashlib import blake2b

import msgspec

from services.intake.domain.row import Row

DIGEST_BYTES = 16
"""Of contents and places: 128 bits, far beyond any chance of two meeting."""
_encode = msgspec.json.Encoder().encode


class Keyed:
    """Hashes under one secret."""

    def __init__(self, secret: str) -> None:
        self._record = hmac.new(secret.encode(), b"record|", "sha256")
        self._content, self._place, self._file = (
            hmac.digest(secret.encode(), use, "sha256") for use in (b"content", b"place", b"file")
        )

    def record(self, journal_number: str, party_number: int) -> bytes:
        """The row key. 32 bytes."""
        digest = self._record.copy()
        digest.update(f"{journal_number}|{party_number}".encode())
        return digest.digest()

    def content(self, row: Row) -> bytes:
        """Digest of all sixteen values; moments as moments, so that 22:00Z and 00:00+02:00 agree."""
        moments = (row.registered_at.timestamp(), row.occurred_at.timestamp())
        texts = (row.journal_number, row.superseded_journal_number, row.district, row.code, row.code_scheme, row.place)
        person = (row.identity_kind, row.identity, row.role, row.outcome, row.child_present)
        values = _encode((row.party_number, row.revision, row.status, *moments, *texts, *person))
        return blake2b(values, digest_size=DIGEST_BYTES, key=self._content).digest()

    def place(self, text: str | None) -> str | None:
        """Hash (hex) of a place, the same whatever its letter case and spacing; None when there is none."""
        plain = " ".join((text or "").casefold().split())
        return blake2b(plain.encode(), digest_size=DIGEST_BYTES, key=self._place).hexdigest() if plain else None

    def file_name(self, name: str) -> str:
        """A stand-in for a file name of unexpected form, which may hold anything."""
        digest = blake2b(name.encode(errors="surrogateescape"), digest_size=6, key=self._file)
        return f"unexpected-name-{digest.hexdigest()}"
