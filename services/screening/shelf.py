"""The shelf of catalogues: the YAML files of the project, and which of them a person has approved.

An approval holds for one digest. A file that was changed since is not approved, whatever its name.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import msgspec
import yaml

from events.weeks import danish_date
from services.runtime.errors import Fatal
from services.runtime.transaction import Transaction
from services.screening.domain import catalogue as rules
from services.screening.domain.catalogue import Catalogue, Lookup

FOLDER = Path(__file__).parent / "catalogues"

_APPROVED = "SELECT catalogue_id, digest, approved_by, approved_at FROM catalogue_approval"
_APPROVE = """
    INSERT INTO catalogue_approval (catalogue_id, digest, approved_by, approved_at, content)
    VALUES (:id, :digest, :actor, :now, :content) ON CONFLICT DO NOTHING
"""
_OF_RUN = """
    SELECT a.content FROM run r JOIN catalogue_approval a ON a.catalogue_id = r.catalogue AND a.digest = r.catalogue_digest
    WHERE r.run_id = :run_id
"""


class NotThisOne(Exception):
    """What was to be approved is not what lies on the shelf; `str()` says why."""


@dataclass(frozen=True)
class Entry:
    """One catalogue with its digest, and its lookup by code."""

    catalogue: Catalogue
    digest: str
    lookup: Lookup


def read(path: Path) -> Entry:
    """A catalogue file. Raises Fatal that names the file and the field."""
    try:
        catalogue = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Catalogue)
        rules.check(catalogue)
    except (OSError, yaml.YAMLError, ValueError) as error:  # msgspec's errors are ValueErrors; nobody's data is in a catalogue
        raise Fatal(f"catalogue {path.name}: {error}") from None
    return Entry(catalogue, rules.digest(catalogue), Lookup(catalogue))


def of_run(transaction: Transaction, run_id: UUID) -> Lookup:
    """The catalogue that a run was run by, as it was approved: its file may be another one by the time the run is released."""
    content = transaction.execute(_OF_RUN, {"run_id": run_id}).scalar_one()
    return Lookup(msgspec.json.decode(bytes(content), type=Catalogue))


def _age(entry: Entry) -> tuple[object, ...]:
    return entry.catalogue.valid_from, [int(part) for part in re.findall(r"\d+", entry.catalogue.id)]


class Shelf:
    """All catalogues of the project, oldest first."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.entries: Sequence[Entry] = sorted((read(path) for path in folder.glob("*.yaml")), key=_age)

    def approvals(self, transaction: Transaction) -> dict[tuple[str, str], tuple[str, str]]:
        """(id, digest) -> who approved it, and when (ISO text)."""
        rows = transaction.execute(_APPROVED)
        return {(row.catalogue_id, row.digest): (row.approved_by, row.approved_at.isoformat()) for row in rows}

    def approved(self, transaction: Transaction, week: str) -> Entry | None:
        """The newest approved catalogue that is valid for a week."""
        return self._newest(transaction, lambda each: rules.covers(each, week))

    def lookup(self, transaction: Transaction) -> Lookup | None:
        """By which published evidence counts when it changes now: the newest approved catalogue whose validity has begun."""
        today = danish_date(transaction.now)
        entry = self._newest(transaction, lambda each: each.valid_from <= today)
        return entry.lookup if entry else None

    def _newest(self, transaction: Transaction, fits: Callable[[Catalogue], bool]) -> Entry | None:
        known = self.approvals(transaction)
        fitting = (each for each in reversed(self.entries) if (each.catalogue.id, each.digest) in known and fits(each.catalogue))
        return next(fitting, None)

    def approve(self, transaction: Transaction, name: str, digest: str, actor: str) -> Entry:
        """Approve a catalogue by its digest; again changes nothing. Raises NotThisOne."""
        entry = next((each for each in self.entries if each.catalogue.id == name), None)
        if entry is None:
            raise NotThisOne(f"there is no catalogue {name}")
        if digest != entry.digest:
            raise NotThisOne(f"catalogue {name} has another digest than the one given: read it again before approving")
        content = rules.canonical(entry.catalogue)
        values = {"id": name, "digest": digest, "actor": actor, "now": transaction.now, "content": content}
        if transaction.execute(_APPROVE, values).rowcount:
            transaction.audit("alteration", "catalogue_approved", purpose="screening", actor=actor, catalogue=name, digest=digest)
        return entry
