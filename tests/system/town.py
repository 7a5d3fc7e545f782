"""One running system with its synthetic world, and what a witness can say of it: what was told, to whom, about whom.

The witness reads the databases as administrator and translates pseudonyms through the vault, so that runs with different
pseudonyms can be compared with the truth file and with each other.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from deploy.system import System
from deploy.testing import Running
from services import ledger
from services.intake.domain.keyed import Keyed
from services.runtime.settings import load
from services.simulator.case_systems import CaseSystems
from services.simulator.drive import Drive
from services.simulator.world import World
from tests.conftest import MUNICIPALITIES, new_system
from tests.history import Violation, unseen, violations
from tests.witness import EFFECTS, Witness

PERSONS = 2_000
SEED = 7


class Told(NamedTuple):
    """One effect on the outside world, or one that was stopped at the last moment."""

    week: str
    child: str
    kind: str
    outcome: str
    reason: str | None
    municipality: str | None


class Town:
    """A system, its world and the outside world's actors. Use as a context manager."""

    def __init__(self, running: Running, folder: Path, settings: Mapping[str, str] | None = None, **world: Any) -> None:
        self._make(new_system(running, folder / "state", settings), folder, **world)
        self.running = running

    @classmethod
    def around(cls, system: System, folder: Path) -> "Town":
        """The usual world around a system that somebody else starts and stops."""
        town = cls.__new__(cls)
        town._make(system, folder)
        return town

    def _make(self, system: System, folder: Path, **world: Any) -> None:
        self.folder = folder
        self.system = system
        self.world = World(SEED, PERSONS, MUNICIPALITIES, **world)

    def __enter__(self) -> "Town":
        self.system.prepare()
        self.system.start_services()
        self.join()
        return self

    def join(self) -> None:
        """Let the world outside begin to act."""
        self.settings = load("simulator", self.system.environment("simulator"))
        self.drive = Drive(self.settings, self.world, self.folder / "staging")
        self.case_systems = CaseSystems(self.settings, on_kafka=2)
        self.case_systems.__enter__()

    def leave(self) -> None:
        """The world outside stops acting."""
        self.case_systems.__exit__()

    def __exit__(self, *_: object) -> None:
        self.leave()
        self.system.stop_services()

    def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        """Rows that an administrator reads; `{ns}` in the query stands for the namespace's prefix."""
        engines = self.system.engines
        with psycopg.connect(engines.admin_of(engines.database)) as connection:
            statement = query.replace("{ns}", f"{self.system.namespace}_" if self.system.namespace else "")
            return connection.execute(statement.encode(), values or None).fetchall()

    def cli(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """The command line as a user runs it."""
        command = [sys.executable, "-m", "services.cli", *arguments]
        return subprocess.run(command, env=self.system.environment("cli"), capture_output=True, text=True, check=False)

    def vault(self) -> dict[str, str]:
        """Pseudonym to the number that it stands for now."""
        current = self.rows(
            "SELECT i.pseudonym, i.number FROM {ns}identity.identity i JOIN {ns}identity.person p ON p.cpr = i.number "
            "WHERE i.kind = 'CPR' AND p.current_cpr IS NULL"
        )
        numbers = {str(pseudonym): number for pseudonym, number in current}
        aliases = self.rows("SELECT pseudonym, canonical FROM {ns}screening.alias")
        return numbers | {str(p): numbers[str(c)] for p, c in aliases if str(c) in numbers}

    def current_number(self) -> dict[str, str]:
        """Any number ever used to the one that stands for the same person now."""
        return dict(self.rows("SELECT cpr, coalesce(current_cpr, cpr) FROM {ns}identity.person"))

    def told(self) -> list[Told]:
        """Everything that was sent, or suppressed at sending, sorted. Whatever is on its way has an outcome of its own."""
        vault = self.vault()
        rows = self.system_deliveries()
        return sorted(
            Told(
                row["week"],
                vault.get(row["child"], row["child"]),
                row["kind"],
                OUTCOMES.get(row["state"], row["state"]),
                row["reason"] if row["state"] == "suppressed" else None,
                row["municipality"] if row["state"] != "suppressed" else None,
            )
            for row in rows
            if row["state"] != "returned"
        )

    def system_deliveries(self) -> list[dict[str, Any]]:
        """All deliveries, as the operator sees them."""
        found: list[dict[str, Any]] = self.drive.doors.get("operator", "delivery", "/deliveries")
        return found

    def quiet(self) -> bool:
        """Whether nothing is on its way: no hand-over, no work."""
        measures = ledger.read(self.settings)
        working = [each for each in measures if each.name.startswith("work:") and each.amount]
        handed = ledger.handovers(measures)
        return not working and any(each.handled for each in handed) and all(each.on_the_way == 0 for each in handed)

    def violations(self) -> list[Violation]:
        """What the history checker finds, once nothing is on its way."""
        self.drive.wait("everything has arrived", self.quiet)
        history = Witness(self.rows, lambda: self.case_systems.inbox).history()
        return unseen(history, EFFECTS) + violations(history)

    def truth(self) -> list[dict[str, Any]]:
        """The truth about everything written so far."""
        return lines(self.folder / "staging" / "truth.jsonl")

    def expected(self, weeks: Iterable[str]) -> list[Told]:
        """What must have been told in these weeks; children about whom something must be inferred are left out."""
        current = self.current_number()
        return sorted(
            Told(
                row["week"],
                current.get(row["child_cpr"], row["child_cpr"]),
                row["kind"],
                row["outcome"],
                row["reason"] if row["outcome"] == "suppressed" else None,
                row["municipality"],
            )
            for row in self.truth()
            if row["kind"] != "none" and row["week"] in set(weeks) and row["child_cpr"] not in self.inferred()
        )

    def untruths(self, weeks: Iterable[str]) -> list[str]:
        """What was told otherwise than the truth has it; also that nothing had to be told, which would prove nothing."""
        expected = self.expected(weeks)
        return difference(expected, self.told_explicitly()) if expected else ["nothing had to be told"]

    def told_pieces(self) -> list[tuple[str, ...]]:
        """Week, child, kind and pieces of evidence of each letter that was sent and answered, of the explicit children."""
        vault, left_out = self.vault(), self._left_out()
        answered = self.rows(
            "SELECT convert_from(document, 'UTF8')::jsonb FROM {ns}delivery.delivery WHERE state = 'acknowledged'"
        )
        told = ((row, vault.get(row["child"], row["child"])) for (row,) in answered)
        return sorted((row["week"], child, row["kind"], *sorted(row["included"])) for row, child in told if child not in left_out)

    def expected_pieces(self, weeks: Iterable[str]) -> list[tuple[str, ...]]:
        """The same by the truth: from journal and party number, through intake's keyed hash, to record and piece."""
        keyed = Keyed(self.system.secrets.read("pseudonym-key"))
        records = dict(self.rows("SELECT key, record_id FROM {ns}intake.record"))
        pieces = {record: str(found) for record, found in self.rows("SELECT record_id, evidence_id FROM {ns}screening.record")}
        current = self.current_number()
        return sorted(
            (
                row["week"],
                current.get(row["child_cpr"], row["child_cpr"]),
                row["kind"],
                *sorted({pieces[records[keyed.record(journal, party)]] for journal, party in row["evidence"]}),
            )
            for row in self.truth()
            if row["outcome"] == "sent" and row["week"] in set(weeks) and row["child_cpr"] not in self.inferred()
        )

    def inferred(self) -> set[str]:
        """Children of whom the truth depends on what the source does not state."""
        return {row["child_cpr"] for row in self.truth() if row["tag"] == "inferred" and row["child_cpr"]}

    def told_explicitly(self) -> list[Told]:
        """What was told of the others."""
        left_out = self._left_out()
        return [each for each in self.told() if each.child not in left_out]

    def _left_out(self) -> set[str]:
        current = self.current_number()
        return {current.get(number, number) for number in self.inferred()}


OUTCOMES = {"acknowledged": "sent"}


def lines(path: Path) -> list[dict[str, Any]]:
    """A JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def difference(expected: Sequence[Told], found: Sequence[Told]) -> list[str]:
    """What is missing and what is too much, as often as it is; empty exactly when both hold the same."""
    missing, extra = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
    return [*(f"missing: {each}" for each in missing.elements()), *(f"not expected: {each}" for each in extra.elements())]
