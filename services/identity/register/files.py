"""The list of deliveries: which were read, which is being read and how far, which were refused and why.

The place in the file moves in the transaction of each batch's effects, so that a killed service goes on where the database
stands; no row moved means that another copy has taken over.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import msgspec

from services.identity.domain.manifest import Manifest, Refused, sequence_of
from services.runtime.errors import Transient
from services.runtime.transaction import Transaction

_READING = """
    SELECT id, sequence, kind, digest, data, data_fingerprint, rows, bytes_read, lines_read
    FROM register_file WHERE state = 'reading'
"""
_LAST = "SELECT coalesce(max(sequence), 0) FROM register_file WHERE state = 'read'"
_HALF_READ = f"SELECT max(sequence) FROM register_file WHERE state = 'refused' AND begun AND sequence > ({_LAST})"
_KNOWN = "SELECT EXISTS (SELECT FROM register_file WHERE sequence = :sequence AND digest = :digest AND state = 'read')"
_ENTER = """
    INSERT INTO register_file AS f (manifest, manifest_digest, sequence, state, reason, field, kind, version_at, digest, data,
        data_fingerprint, rows, seen_at)
    VALUES (:manifest, :manifest_digest, :sequence, :state, :reason, :field, :kind, :version_at, :digest, :data,
        :data_fingerprint, :rows, :now)
    ON CONFLICT (manifest, manifest_digest) DO UPDATE SET state = excluded.state, reason = excluded.reason,
        field = excluded.field, data_fingerprint = excluded.data_fingerprint,
        bytes_read = 0, lines_read = 0, loaded = 0, quarantined = 0
    WHERE f.state IN ('waiting', 'refused')
"""
_CLAIM = "SELECT FROM register_file WHERE id = :id AND state = 'reading' AND bytes_read = :from FOR UPDATE"
_MOVE = """
    UPDATE register_file SET bytes_read = bytes_read + :size, lines_read = lines_read + :lines, loaded = loaded + :loaded,
        added = added + :added, quarantined = quarantined + :quarantined, begun = begun OR :loaded > 0
    WHERE id = :id
"""
_CLOSE = "UPDATE register_file SET state = :state, reason = :reason, field = :field, read_at = :now WHERE id = :id"
_QUARANTINE = """
    INSERT INTO quarantine (file, line, field, reason)
    SELECT :id, line, field, reason
    FROM unnest(CAST(:lines AS bigint[]), CAST(:fields AS text[]), CAST(:reasons AS text[])) AS bad (line, field, reason)
    ON CONFLICT (file, line) DO NOTHING
"""
_LIST = """
    SELECT manifest, sequence, kind, state, reason, field, version_at, rows, lines_read, loaded, quarantined, seen_at, read_at
    FROM register_file ORDER BY sequence, id
"""
_BAD = """
    SELECT f.manifest, q.line, q.field, q.reason FROM quarantine q JOIN register_file f ON f.id = q.file
    ORDER BY f.sequence, f.id, q.line LIMIT :limit
"""
LISTED = 10_000
"""Bad lines that are shown at once: more than anybody mends by hand, and no heap in memory."""


@dataclass(frozen=True)
class Reading:
    """The delivery that is being read, and how far."""

    id: int
    sequence: int
    kind: str
    digest: str
    data: str | None
    data_fingerprint: str
    rows: int
    bytes_read: int
    lines_read: int


class RegisterFile(msgspec.Struct, frozen=True):
    """One delivery as it is listed. `reason` and `field` say why it was refused, or waits (sequence_gap)."""

    file: str
    sequence: int
    kind: str | None
    state: str
    reason: str | None
    field: str | None
    version_at: datetime | None
    rows: int
    lines_read: int
    loaded: int
    quarantined: int
    seen_at: datetime
    read_at: datetime | None


class BadLine(msgspec.Struct, frozen=True):
    """One line that was set aside."""

    file: str
    line: int
    field: str | None
    reason: str


def reading(transaction: Transaction) -> Reading | None:
    """The delivery that is being read."""
    row = transaction.execute(_READING).one_or_none()
    return Reading(*row) if row else None


def register_version(transaction: Transaction) -> int:
    """Sequence of the last delivery that was read to its end; 0 before the first."""
    return int(transaction.execute(_LAST).scalar_one())


def half_read(transaction: Transaction) -> int | None:
    """Sequence of a delivery that was refused after lines of it had been taken, until one of that number is read to its end."""
    sequence: int | None = transaction.execute(_HALF_READ).scalar_one()
    return sequence


def is_repeated(transaction: Transaction, manifest: Manifest) -> bool:
    """Whether the same content was read under this sequence number before."""
    return bool(transaction.execute(_KNOWN, {"sequence": manifest.sequence, "digest": manifest.sha256}).scalar_one())


def enter(
    transaction: Transaction,
    name: str,
    content: bytes,
    state: str,
    manifest: Manifest | None,
    refusal: Refused | None,
    fingerprint: str,
) -> None:
    """Enter a delivery into the list, or what has become of one that waited or was refused."""
    values = {
        "manifest": name,
        "manifest_digest": hashlib.sha256(content).hexdigest(),
        "sequence": sequence_of(name),
        "state": state,
        "reason": refusal.reason if refusal else None,
        "field": refusal.field if refusal else None,
        "kind": manifest.kind if manifest else None,
        "version_at": manifest.version_at if manifest else None,
        "digest": manifest.sha256 if manifest else None,
        "data": manifest.file if manifest else None,
        "data_fingerprint": fingerprint,
        "rows": manifest.rows if manifest else 0,
        "now": transaction.now,
    }
    transaction.execute(_ENTER, values)


def claim(transaction: Transaction, file: Reading) -> None:
    """Be the one who reads on from here, until the transaction ends. Raises Transient when another copy has read on."""
    if transaction.execute(_CLAIM, {"id": file.id, "from": file.bytes_read}).rowcount != 1:
        raise Transient("another_copy_reads_the_register")


def move(transaction: Transaction, file: Reading, *, size: int, lines: int, loaded: int, added: int, quarantined: int) -> None:
    """Move on in a claimed file by `size` bytes and `lines` lines."""
    counts = {"size": size, "lines": lines, "loaded": loaded, "added": added, "quarantined": quarantined}
    transaction.execute(_MOVE, {"id": file.id, **counts})


def quarantine(transaction: Transaction, file: Reading, bad: list[tuple[int, str | None, str]]) -> None:
    """Set lines aside: line number, field, reason."""
    if bad:
        lines, fields, reasons = (list(column) for column in zip(*bad, strict=True))
        transaction.execute(_QUARANTINE, {"id": file.id, "lines": lines, "fields": fields, "reasons": reasons})


def close(transaction: Transaction, file: Reading, state: str, refusal: Refused | None = None) -> None:
    """Say how the reading of a claimed file ended."""
    reason, field = (refusal.reason, refusal.field) if refusal else (None, None)
    values = {"id": file.id, "state": state, "reason": reason, "field": field, "now": transaction.now}
    transaction.execute(_CLOSE, values)


def listed(transaction: Transaction) -> list[RegisterFile]:
    """Every delivery, by sequence."""
    return [RegisterFile(*row) for row in transaction.execute(_LIST)]


def bad_lines(transaction: Transaction) -> list[BadLine]:
    """Lines that were set aside, by delivery and line."""
    return [BadLine(*row) for row in transaction.execute(_BAD, {"limit": LISTED})]
