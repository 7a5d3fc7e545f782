"""The same truth, whatever happens on the way: rows shuffled, files split and delivered twice, and services killed in between.

Sending is stopped while people decide in the first week, so that deaths, moves, departures and birthdays happen between
approval and sending; the outcome must be the same as when they happen before.
"""

import hashlib
import json
import random
from pathlib import Path

import pytest

from deploy.testing import Running
from services.simulator.drive import Drive
from services.simulator.world import Deliverable
from tests.system.town import Town

WEEKS = ("2026-W38", "2026-W39", "2026-W40")
SEED = 20260923
"""Reproduces the shuffles and who is killed when."""
pytestmark = pytest.mark.timeout(500)


class Postman:
    """Delivers each extract as two, shuffled, each twice. The register stays as it is."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.covered: dict[str, str] = {}
        folder.mkdir()

    def reshape(self, file: Deliverable) -> list[Deliverable]:
        """What is handed over in its place."""
        if file.kind != "extract":
            return [file]
        manifest = json.loads(file.manifest.read_text())
        rows, header = _rows(file.data)
        self.random.shuffle(rows)
        middle = len(rows) // 2
        before = self.covered.get(manifest["district"], "2026-01-05T00:00:00+01:00")
        first = self._write(file, manifest, 2 * manifest["sequence"] - 1, before, header, rows[:middle])
        second = self._write(file, manifest, 2 * manifest["sequence"], manifest["covers_until"], header, rows[middle:])
        self.covered[manifest["district"]] = manifest["covers_until"]
        return [second, first, second, first]

    def _write(
        self, file: Deliverable, like: dict[str, object], sequence: int, covers: str, header: bytes, rows: list[bytes]
    ) -> Deliverable:
        name = f"{like['district']}-{sequence:05d}"
        text = header + b"".join(rows) if rows else b""
        data = self.folder / f"{name}{file.data.suffix}" if rows and file.data else None
        if data:
            data.write_bytes(text)
        manifest = self.folder / f"{name}.manifest.json"
        manifest.write_text(
            json.dumps(
                {
                    **like,
                    "sequence": sequence,
                    "covers_until": covers,
                    "rows": len(rows),
                    "file": data.name if data else None,
                    "sha256": hashlib.sha256(text).hexdigest(),
                }
            )
        )
        return Deliverable(file.moment, file.kind, file.folder, manifest, data, file.week)


def _rows(data: Path | None) -> tuple[list[bytes], bytes]:
    """Rows as bytes – some of them are meant to be unreadable – and the header before them."""
    lines = data.read_bytes().splitlines(keepends=True) if data else []
    return (lines[1:], lines[0]) if data and data.suffix == ".csv" else (lines, b"")


def test_shuffled_split_doubled_and_killed_the_end_state_is_the_truth(running: Running, tmp_path: Path) -> None:
    postman = Postman(tmp_path / "post", SEED)
    chance = random.Random(SEED)
    with Town(running, tmp_path) as town:

        def kill(*names: str) -> None:
            for name in names:
                town.system.kill(name)
            town.system.start_services(names, wait=False)

        def disturbed(files: list[Deliverable]) -> None:
            parts = [part for file in files for part in postman.reshape(file)]
            for part in parts[: len(parts) // 2]:
                town.drive.move(part.moment)
                part.hand_over(town.settings.inbox)
            kill(chance.choice(["intake", "identity", "screening"]))
            Drive.deliver(town.drive, parts)

        town.drive.deliver = lambda files: disturbed(list(files))
        town.drive.history()
        for number in (1, 2, 3):
            label = town.drive.screen(number)
            kill(*chance.sample(["screening", "deduplication", "notification", "audit"], 2))
            if number == 1:
                town.drive.doors.post("operator", "delivery", "/stop-sending", {"reason": "maintenance"})
                town.drive.decide(number)
                town.drive.after_run(number)
                town.drive.doors.post("operator", "delivery", "/resume-sending", {})
            else:
                town.drive.after_run(number)
                town.drive.decide(number)
            kill(*chance.sample(["delivery", "notification", "deduplication", "audit"], 2))
            town.drive.settle(label)
        assert town.untruths(WEEKS) == []
        assert town.violations() == []
        assert town.drive.doors.get("auditor", "audit", "/verify")["ok"]
