"""An identity service without processes, and the register lines that its tests are told with."""

import hashlib
import json
from datetime import date, datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec

from events.alias import Alias
from events.audit import AuditEntry
from events.envelope import Envelope
from events.http.identity import (
    ChildResidence,
    Identity,
    ResidenceRequest,
    Resolved,
    ResolveRequest,
    TiesAnswer,
    TiesRequest,
    UnmaskAnswer,
    UnmaskRequest,
)
from services.identity.doors.register import whole_register
from services.identity.doors.residence import residence
from services.identity.doors.resolve import resolve
from services.identity.doors.ties import ties
from services.identity.doors.unmask import unmask
from services.identity.register import files
from services.identity.register.inbox import Inbox
from services.identity.register.loader import Loader
from services.runtime.database import Store

END = datetime.fromisoformat("2026-09-21T00:00:00+02:00")
NOW = datetime.fromisoformat("2026-09-22T12:00:00+02:00")
Line = dict[str, Any]
numbers = count(1)


def cpr(born: str = "1985-03-15") -> str:
    """A number that nobody else has, with a day that no birthday can have."""
    day = date.fromisoformat(born)
    return f"{day.day + 60:02d}{day:%m%y}{next(numbers):04d}"


def home(house: int | str, door: str = "tv", municipality: str = "751", **more: Any) -> Line:
    place = {"municipality": municipality, "road": "Kanarievænget", "road_code": "0012", "house": str(house), "floor": "1"}
    return {**place, "door": door, "from": "2020-04-01", "to": None, **more}


def person(number: str | None = None, *addresses: Line, born: str = "1985-03-15", **more: Any) -> Line:
    line = {"cpr": number or cpr(born), "current_cpr": None, "name": "Anna Zyntholm", "status": "01", "status_since": born}
    rest = {"birth_date": born, "sex": "F", "protected": False, "addresses": list(addresses), "parents": [], "custody": []}
    return {**line, **rest, **more}


def child(*parents: Line, at: Line | None = None, born: str = "2015-05-05", **more: Any) -> Line:
    rows = [{"cpr": parent["cpr"], "kind": kind} for parent, kind in zip(parents, ("mother", "father"), strict=False)]
    addresses = [{**at, "from": max(at["from"], born)}] if at else []
    return person(None, *addresses, born=born, parents=rows, name="Bo Kanarilund", **more)


def moved(old: str, now: str) -> Line:
    return person(old, status="60", current_cpr=now)


class Vault:
    """An identity service without processes: its database, its inbox, its loader and its doors."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self.sequence = 0
        self.loader = Loader(store, Inbox(folder))
        folder.mkdir(exist_ok=True)

    def write(self, kind: str, lines: list[Line | bytes], **manifest: Any) -> Path:
        """Put a delivery into the inbox."""
        self.sequence += 1
        name = f"register-{self.sequence:05d}"
        content = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
        (self.folder / f"{name}.jsonl").write_bytes(content)
        document = {
            "format": "socialsog-register/1", "kind": kind, "sequence": self.sequence, "version_at": NOW.isoformat(),
            "rows": len(lines), "sha256": hashlib.sha256(content).hexdigest(), "file": f"{name}.jsonl" if lines else None,
        }  # fmt: skip
        path = self.folder / f"{name}.manifest.json"
        path.write_text(json.dumps({**document, **manifest}))
        return path

    def load(self, *lines: Line | bytes, kind: str = "changes") -> None:
        self.write(kind, list(lines))
        while self.loader.step():
            pass
        assert self.files()[-1].state == "read"

    def files(self) -> list[files.RegisterFile]:
        with self.store.transaction() as transaction:
            return files.listed(transaction)

    def bad(self) -> list[tuple[int, str | None, str]]:
        with self.store.transaction() as transaction:
            return [(row.line, row.field, row.reason) for row in files.bad_lines(transaction)]

    def query(self, statement: str, **values: Any) -> list[Any]:
        with self.store.transaction() as transaction:
            return list(transaction.execute(statement, values).all())

    def resolve(self, *numbers: str, kind: Any = "CPR") -> list[Resolved]:
        with self.store.transaction() as transaction:
            asked = ResolveRequest([Identity(kind, number) for number in numbers])
            return resolve(transaction, asked, "intake").persons

    def who(self, line: Line) -> UUID:
        return self.resolve(line["cpr"])[0].pseudonym

    def ties(self, *adults: UUID, at: datetime = END) -> TiesAnswer:
        with whole_register(self.store) as transaction:
            return ties(transaction, TiesRequest(uuid4(), "2026-W38", list(adults), at), "screening")

    def bases(self, adult: Line) -> dict[UUID, list[str]]:
        return {tie.child: list(tie.bases) for tie in self.ties(self.who(adult)).ties}

    def left_out(self, adult: Line) -> dict[str, int]:
        return {row.reason: row.count for row in self.ties(self.who(adult)).excluded}

    def residence(self, who: UUID, at: datetime = NOW) -> ChildResidence:
        with whole_register(self.store) as transaction:
            return residence(transaction, ResidenceRequest([who], at), "delivery").children[0]

    def unmask(self, who: UUID, *adults: UUID) -> UnmaskAnswer:
        with whole_register(self.store) as transaction:
            return unmask(transaction, UnmaskRequest(uuid4(), "compose_notification", who, list(adults)), "notification")

    def aliases(self) -> dict[UUID, tuple[int, Alias]]:
        """The newest alias of each pseudonym, with its version."""
        decoder = msgspec.json.Decoder(Envelope[Alias])
        rows = self.query("SELECT payload FROM outbox WHERE topic = 'identity.alias.v1' ORDER BY partition, position")
        found = [decoder.decode(bytes(row.payload)) for row in rows]
        versions: dict[UUID, list[int]] = {}
        for each in found:
            versions.setdefault(each.data.pseudonym, []).append(each.aggregateversion)
        assert all(seen == list(range(1, len(seen) + 1)) for seen in versions.values())
        return {each.data.pseudonym: (each.aggregateversion, each.data) for each in found}

    def entries(self) -> list[AuditEntry]:
        decoder = msgspec.json.Decoder(Envelope[AuditEntry])
        rows = self.query("SELECT payload FROM outbox WHERE topic = 'audit.identity.v1' ORDER BY position")
        return [decoder.decode(bytes(row.payload)).data for row in rows]
