"""What the README says first: `make run` in a folder of its own, and once more. Only the world is smaller than the usual one.

It runs the Makefile's own command, with engines, ports and state of its own, and prints what the README shows.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from deploy import addresses, guardian
from deploy.system import claim
from services.simulator.demo import Progression
from tests.conftest import MUNICIPALITIES

ROOT = Path(__file__).parents[2]
WEEKS = ("2026-W38", "2026-W39", "2026-W40")
STEPS = (
    ("intake", "rows_read"),
    ("screening", "weekly_run"),
    ("deduplication", "candidates_put_into_cases"),
    ("identity", "unmask"),
    ("notification", "letter_composed"),
    ("notification", "draft_approved"),
    ("delivery", "notification_sent"),
    ("delivery", "receipt_accepted"),
)
"""On the way of every letter, whoever it is about; in this order."""
GIVEN = frozenset({"KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL"})
"""Engines on which the other tests may run."""
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder with a small world and ports that nobody else looks for first."""
    folder = tmp_path_factory.mktemp("demo") / "state"
    claim(folder)
    addresses.save(folder, addresses.elsewhere(folder))
    (folder / "world.json").write_bytes(msgspec.json.encode(Progression(persons=2_000)))
    guardian.watch(folder, remove=True)
    yield folder
    assert deploy(folder, "clean").returncode == 0
    assert not folder.exists()


def deploy(state: Path, command: str) -> "subprocess.CompletedProcess[str]":
    own = {"SOCIALSOG_STATE": str(state), "SOCIALSOG_MUNICIPALITIES": ",".join(MUNICIPALITIES)}
    environment = {name: value for name, value in os.environ.items() if name not in GIVEN} | own
    return subprocess.run(
        [sys.executable, "-m", "deploy", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def run(state: Path) -> str:
    """What `make run` prints; nothing that it started is left."""
    (command,) = re.findall(r"^run:.*\n\t@\$\(BIN\)/python -m deploy (\w+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    done = deploy(state, command)
    assert done.returncode == 0, done.stdout + done.stderr
    status = deploy(state, "status").stdout.splitlines()
    assert len(status) > 8
    assert all(line.endswith("not running") for line in status)
    return done.stdout


def promised(until: str) -> list[str]:
    """The end of a run as the README shows it, as patterns: numbers may be others."""
    (end,) = re.findall(r"```text\n(Ledger\n.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for line in end.partition(until)[0].splitlines() if line not in ("", "…")]
    return [re.sub(r"\d+", r"\\d+", re.sub(r"(\\ )+", " +", re.escape(line))) for line in lines]


def weeks(printed: str) -> list[str]:
    """The weeks whose account is printed, all of which are in order."""
    found: list[tuple[str, str]] = re.findall(r"^(\d{4}-W\d\d)  (.*)$", printed, re.MULTILINE)
    assert {account for _, account in found} == {"balanced, complete  catalogue 2026-1  run finished"}
    return [week for week, _ in found]


def way(printed: str) -> list[tuple[str, str]]:
    """Source and action of each audit entry on the way of the letter."""
    return re.findall(r"^  [\d-]{10}T[\d:]{5}  (\w+) +\w+ +(\w+) +\S+$", printed, re.MULTILINE)


def test_three_weeks_and_then_the_next_one(state: Path) -> None:
    first = run(state)
    assert weeks(first) == [*WEEKS]
    shown = promised("Københavns Politi\n")
    assert len(shown) == 9, "a heading, a week, its six equations, and what comes after them"
    for line in shown:
        assert re.search(f"^{line}$", first, re.MULTILINE), line
    for line in ("Supplerende underretning", "Akutte forhold meddeles altid telefonisk og ikke ad denne vej.", "Kilde"):
        assert f"\n{line}\n" in first
    assert "\nThe way of this notification, from the audit log\n" in first
    rest = iter(way(first))
    assert [step for step in STEPS if step not in rest] == [], "each step after the one before it"

    second = run(state)
    assert weeks(second) == ["2026-W41"]
    assert "\nOne letter, as the case system of municipality" in second
    assert ("delivery", "receipt_accepted") in way(second)
