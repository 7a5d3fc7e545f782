"""A desk at which tests of intake sit: an inbox to deliver into, a worker to be stepped by hand, and eyes on the database."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID, uuid5

import msgspec
import psycopg
import pytest

from deploy.system import System
from deploy.testing import Running
from events.audit import AuditEntry
from events.envelope import Envelope
from events.extract import RowCounts
from events.http.identity import Identity, Resolved
from events.record import Record
from events.topics import AUDIT, EXTRACT, RECORD
from services.intake.domain.keyed import Keyed
from services.intake.inbox import Inbox
from services.intake.scan import Scanner
from services.intake.work import Reader
from services.runtime.database import Store
from services.runtime.settings import Settings
from services.runtime.work import Worker

TABLES: LiteralString = (
    "key_ring, arrival, extract, record, quarantine, "
    "work, outbox, outbox_position, publication, dead_letter, lease, applied, received"
)
PEOPLE = UUID("6f0c0f1e-7d53-4e0c-8a5e-3c2f4f0a9b11")
END_OF_38 = "2026-09-21T00:00:00+02:00"
CANARY_PLACE = "Kanarievænget 12, 2. tv"
Row = dict[str, Any]
_numbers = count(1)


def row(number: int = 1, revision: int = 1, **changes: Any) -> Row:
    return {
        "journal_number": f"4200-81252-{number:05d}-26",
        "party_number": 1,
        "revision": revision,
        "status": "live",
        "superseded_journal_number": None,
        "district": "1461",
        "registered_at": "2026-09-16T08:12:00+02:00",
        "occurred_at": "2026-09-15T23:40:00+02:00",
        "code": "1252",
        "code_scheme": "GER4",
        "identity_kind": "CPR",
        "identity": f"750385{number:04d}",
        "role": "charged",
        "outcome": "open",
        "place": CANARY_PLACE,
        "child_present": True,
        **changes,
    }


def resolve(identities: list[Identity]) -> list[Resolved]:
    """Identity as intake knows it: the same person, the same pseudonym."""
    assert len(set(identities)) == len(identities)
    return [Resolved(pseudonym(each.number), "identified") for each in identities]


def pseudonym(number: str) -> UUID:
    return uuid5(PEOPLE, number)


class Desk:
    """One intake over a fresh schema: an inbox to deliver into, and the worker to be stepped by hand."""

    def __init__(self, store: Store, settings: Settings, owner: "psycopg.Connection[Any]", inbox: Path) -> None:
        self.store, self.settings, self.owner, self.folder = store, settings, owner, inbox
        self.resolve: Callable[[list[Identity]], list[Resolved]] = resolve
        self.hash_under(settings.secret("pseudonym-key"))

    def hash_under(self, ring: str) -> None:
        """Begin anew with this ring of keys, as a restarted intake does."""
        keyed, folder = Keyed(ring), Inbox(self.folder)
        self.reader = Reader(self.store, folder, keyed, lambda asked: self.resolve(asked), synthetic=True)
        self.scanner = Scanner(self.store, folder, keyed)
        self.keyed = keyed

    def deliver(self, rows: Sequence[Row | bytes], sequence: int = 1, district: str = "1461", /, **spoilt: Any) -> str:
        """Deliver rows (bytes are taken as they are) as JSON Lines; the extract's id. `spoilt` are fields of the manifest."""
        name = f"{district}-{sequence:05d}"
        lines = [each if isinstance(each, bytes) else json.dumps({**each, "district": district}).encode() for each in rows]
        content = b"".join(line + b"\n" for line in lines)
        if rows:
            (self.folder / f"{name}.jsonl").write_bytes(content)
        file = f"{name}.jsonl" if rows else None
        return self.announce(name, {"rows": len(rows), "sha256": hashlib.sha256(content).hexdigest(), "file": file, **spoilt})

    def announce(self, name: str, manifest: dict[str, Any]) -> str:
        """Put a manifest there as it is documented: under another name first, then renamed."""
        fields = {
            "format": "socialsog-extract/1",
            "district": name[:4],
            "sequence": int(name[5:]),
            "covers_until": END_OF_38,
            "media_type": "application/x-ndjson",
            **manifest,
        }
        unfinished = self.folder / f".{name}"
        unfinished.write_text(json.dumps(fields))
        unfinished.rename(self.folder / f"{name}.manifest.json")
        return name

    def empty(self) -> None:
        """Begin again: nothing in the tables."""
        self.owner.execute(f"TRUNCATE {TABLES}".encode())

    def due(self) -> None:
        """As much time passes as any pause or claim lasts."""
        self.owner.execute("UPDATE work SET next_attempt_at = clock_timestamp()")

    def worker(self) -> Worker:
        return Worker(self.store, {"read": self.reader.read})

    def run(self, steps: int = 1000) -> int:
        """Scan and work until nothing is due, or that many steps; how many steps there were."""
        self.scanner.scan()
        worker = self.worker()
        return next((done for done in range(steps) if not worker.step()), steps)

    def query(self, statement: LiteralString, *values: Any) -> list[Any]:
        return self.owner.execute(statement, values).fetchall()

    def events(self, topic: Any) -> list[Envelope[Any]]:
        decoder = msgspec.json.Decoder(Envelope[topic.data])
        found = self.query("SELECT payload FROM outbox WHERE topic = %s ORDER BY partition, position", topic.name)
        return [decoder.decode(payload) for (payload,) in found]

    def records(self) -> list[Envelope[Record]]:
        return self.events(RECORD)

    def latest(self) -> dict[UUID, Envelope[Record]]:
        """The highest version of each record, by record id."""
        return {event.data.record_id: event for event in sorted(self.records(), key=lambda event: event.aggregateversion)}

    def audit(self, action: str) -> list[AuditEntry]:
        return [event.data for event in self.events(AUDIT["intake"]) if event.data.action == action]

    def counts(self, extract_id: str) -> RowCounts:
        counts: RowCounts = next(event.data.counts for event in self.events(EXTRACT) if event.data.extract_id == extract_id)
        return counts

    def state(self, extract_id: str) -> tuple[str, str | None, str | None]:
        statement = (
            "SELECT coalesce(nullif(a.state, 'accepted'), e.state), reason, field"
            " FROM arrival a LEFT JOIN extract e ON extract_id = name WHERE name = %s"
        )
        return tuple(self.query(statement, extract_id)[0])

    def quarantine(self) -> list[tuple[str, int, str | None, str]]:
        return self.query("SELECT extract_id, line, field, reason FROM quarantine ORDER BY 1, 2")

    def end_state(self) -> dict[str, Any]:
        """Everything that must not depend on kills: what is held, counted, set aside and published, without random ids."""
        key_of = dict(self.query("SELECT record_id, key FROM record"))
        published = [
            (key_of[event.data.record_id], event.aggregateversion, event.data.extract_id, event.data.revision, event.data.status,
             event.data.person, event.data.supersedes and key_of[event.data.supersedes], event.data.place)
            for event in self.records()
        ]  # fmt: skip
        return {
            "held": self.held(),
            "versions": sorted(self.query("SELECT key, version FROM record")),
            "extracts": self.query("SELECT extract_id, state, rows_done, lines_done, next_offset FROM extract ORDER BY 1"),
            "counts": {event.data.extract_id: event.data.counts for event in self.events(EXTRACT)},
            "quarantine": self.quarantine(),
            "published": sorted(published),
            "subjects": sorted(subject for entry in self.audit("rows_read") for subject in entry.subjects),
        }

    def held(self) -> list[Any]:
        return self.query("SELECT key, revision, withdrawn, content FROM record WHERE version > 0 ORDER BY key")


@pytest.fixture(scope="module", name="intake_system")
def prepare_system(running: Running, tmp_path_factory: pytest.TempPathFactory) -> System:
    """One namespace for the whole file: each test begins with empty tables."""
    system = System(tmp_path_factory.mktemp("intake"), f"t{os.getpid()}intake{next(_numbers)}", ("751",), running.engines)
    system.prepare()
    system.clock.move(datetime.fromisoformat(END_OF_38))
    return system


@pytest.fixture(name="desk")
def open_desk(intake_system: System, running: Running, tmp_path: Path) -> Iterator[Desk]:
    settings = intake_system.settings("intake")
    schema = settings.database_name("intake")
    store = Store(settings, intake_system.clock)
    with psycopg.connect(
        running.engines.admin_of(running.engines.database), autocommit=True, options=f"-c search_path={schema}"
    ) as owner:
        desk = Desk(store, settings, owner, tmp_path)
        desk.empty()
        yield desk
    store.close()
