"""How the log is sealed, as small pure functions that an auditor can import: nothing of the database is needed to check it.

A sealed entry is the audit entry as plain JSON values with its `source` and its `number` (gapless per source, from 1). Each
row of the log carries `chain` = SHA-256(chain of the row before || canonical JSON of the sealed entry, RFC 8785); before the
first row stand 32 zero bytes. Changing, removing, inserting or swapping a row breaks the chain from there on; the last
chain, once written down elsewhere, seals everything before it. Verbs and fields: directive (EU) 2016/680 article 25.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import rfc8785

from events.audit import AuditEntry

START = bytes(32)
"""The chain before the first row."""

Sealed = dict[str, Any]
"""A sealed entry: JSON values only."""


class SourceDisagrees(Exception):
    """The entry names another source than the topic that it came on."""


class NotSealable(Exception):
    """The entry has no canonical form: a time without offset, or an integer beyond what JSON numbers hold (2^53)."""


LogRow = dict[str, Any]
"""One row of the log as auditors get it: the sealed entry's fields, `position` (place over all sources, gapless from 1) and
`chain` (hex)."""


class Verdict(msgspec.Struct, frozen=True):
    """What checking rows gave: the last good place and its chain, entries per source, and the first bad place with a reason."""

    ok: bool
    position: int
    head: str
    sources: dict[str, int]
    first_bad: int | None = None
    reason: str | None = None


def moment(at: datetime) -> str:
    """A moment as the log writes it: UTC, microseconds, so that text order is time order. Raises NotSealable if naive."""
    if at.tzinfo is None:
        raise NotSealable("time_without_offset")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seal(entry: AuditEntry, source: str, number: int) -> Sealed:
    """The sealed entry with this number of this source. Raises SourceDisagrees, NotSealable."""
    if entry.source != source:
        raise SourceDisagrees
    sealed: Sealed = msgspec.to_builtins(entry)
    return sealed | {"at": moment(entry.at), "number": number}


def log_row(position: int, sealed: Sealed, chain: str) -> LogRow:
    """A row as auditors get it."""
    return {**sealed, "position": position, "chain": chain}


def entry_of(row: Mapping[str, Any]) -> Sealed:
    """The sealed entry in a row of the log."""
    return {name: value for name, value in row.items() if name not in ("position", "chain")}


def canonical(sealed: Mapping[str, Any]) -> bytes:
    """Canonical JSON (RFC 8785). Raises NotSealable."""
    try:
        return rfc8785.dumps(dict(sealed))
    except rfc8785.CanonicalizationError:
        raise NotSealable("no_canonical_form") from None


def link(previous: bytes, content: bytes) -> bytes:
    """The chain of a row from the chain before it and its canonical JSON."""
    return hashlib.sha256(previous + content).digest()


def contiguous(appended: int, numbers: Iterable[int]) -> int:
    """The last of these numbers that follows `appended` without a gap; `appended` itself when the next one is missing."""
    have = set(numbers)
    while appended + 1 in have:
        appended += 1
    return appended


def verify(
    rows: Iterable[Mapping[str, Any]], head: bytes = START, position: int = 0, sources: Mapping[str, int] | None = None
) -> Verdict:
    """Check rows in the order of the log, from its beginning or from a place, chain and counts that are known to be good."""
    counts = dict(sources or {})
    for row in rows:
        reason, chain = _check(row, head, position, counts)
        if reason:
            return Verdict(False, position, head.hex(), counts, row["position"], reason)
        head, position = chain, row["position"]
        counts[row["source"]] = row["number"]
    return Verdict(True, position, head.hex(), counts)


def _check(row: Mapping[str, Any], head: bytes, position: int, counts: Mapping[str, int]) -> tuple[str | None, bytes]:
    if row["position"] != position + 1:
        return "position_missing", head
    try:
        chain = link(head, canonical(entry_of(row)))
    except NotSealable:
        return "no_canonical_form", head
    if chain.hex() != row["chain"]:
        return "chain_broken", head
    if row["number"] != counts.get(row["source"], 0) + 1:
        return "number_missing", head
    return None, chain
