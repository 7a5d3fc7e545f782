"""`Transaction` is what handlers get: it runs SQL and collects what is to be published, audited and worked on.

All of that is written in the same commit as the effects. Nothing leaves the process unless the commit succeeded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from psycopg import Connection as DriverConnection
from sqlalchemy import Connection, CursorResult, Executable, text

from events.audit import AuditEntry, Verb
from events.topics import AUDIT, Topic


class Publication(msgspec.Struct, frozen=True, gc=False):
    """One fact waiting to be written to the outbox by the transaction that caused it."""

    topic: Topic
    key: str
    version: int
    correlation: str
    data: Any


@dataclass
class Transaction:
    """One open transaction of one service, with everything that its commit will let out."""

    service: str
    connection: Connection
    now: datetime
    publications: list[Publication] = field(default_factory=list)
    enqueued: int = 0
    traced: list[tuple[UUID, Publication]] = field(default_factory=list)

    def execute(
        self,
        statement: str | Executable,
        values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> CursorResult[Any]:
        """Run SQL (text with :names, or a SQLAlchemy statement)."""
        return self.connection.execute(text(statement) if isinstance(statement, str) else statement, values)

    @property
    def driver(self) -> "DriverConnection[Any]":
        """The psycopg connection under it, for COPY."""
        return cast("DriverConnection[Any]", self.connection.connection.driver_connection)

    def publish(self, topic: Topic, key: str, version: int, data: Any, correlation: str = "") -> None:
        """Publish the whole state `data` of aggregate `key` at `version`, when this transaction commits."""
        self.publications.append(Publication(topic, key, version, correlation or key, data))

    def audit(
        self,
        verb: Verb,
        action: str,
        *,
        purpose: str,
        actor: str | None = None,
        subjects: Sequence[UUID] = (),
        case_id: UUID | None = None,
        run_id: UUID | None = None,
        week: str | None = None,
        municipality: str | None = None,
        recipient: str | None = None,
        **detail: str | int,
    ) -> None:
        """Write audit entries for what this transaction does; many subjects become several entries.

        Raises ValueError for an integer that the audit log could not seal: its source would have a gap for ever.
        """
        if beyond := [name for name, value in detail.items() if isinstance(value, int) and abs(value) > LARGEST_INTEGER]:
            raise ValueError(f"detail {beyond} beyond what JSON's numbers hold exactly")
        for part in range(0, max(len(subjects), 1), SUBJECTS_PER_ENTRY):
            entry = AuditEntry(
                self.service,
                verb,
                action,
                purpose,
                actor or f"service:{self.service}",
                self.now,
                list(subjects[part : part + SUBJECTS_PER_ENTRY]),
                case_id,
                run_id,
                week,
                municipality,
                recipient,
                detail,
            )
            self.publish(AUDIT[self.service], self.service, 0, entry, str(run_id or case_id or self.service))

    def enqueue(self, kind: str, key: str, payload: Any, lane: str = "") -> None:
        """Ask for work that calls out. Asking again for the same (kind, key) replaces the payload and starts afresh."""
        self.execute(ENQUEUE, {"kind": kind, "key": key, "lane": lane, "payload": msgspec.json.encode(payload)})
        self.enqueued += 1


LARGEST_INTEGER = 2**53 - 1
"""Beyond it JSON's numbers are not exact, and canonical JSON has none (RFC 8785)."""

SUBJECTS_PER_ENTRY = 10_000
"""Pseudonyms per audit entry: 10,000 of 39 bytes stay well below what a topic takes (`LARGEST_FACT_BYTES`)."""

ENQUEUE = """
    INSERT INTO work (kind, key, lane, payload, next_attempt_at) VALUES (:kind, :key, :lane, :payload, clock_timestamp())
    ON CONFLICT (kind, key) DO UPDATE SET payload = excluded.payload, lane = excluded.lane, revision = work.revision + 1,
        claimed = false, crashes = 0, attempts = 0, next_attempt_at = excluded.next_attempt_at, last_error = NULL
"""
