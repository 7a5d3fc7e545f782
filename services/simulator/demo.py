"""What `make run` shows: three weeks of a synthetic Denmark, and then one more with each further run.

It drives the running system only through its public doors and ends with the ledger of each week, one whole letter as a case
system opened it, and the way of that notification through all services.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import click
import msgspec
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from events.municipal import Notification
from services import ledger
from services.commands.operator import print_week
from services.commands.reviewer import plain
from services.runtime.settings import load
from services.simulator.case_systems import CaseSystems
from services.simulator.drive import Drive
from services.simulator.world import World

FIRST_WEEKS = 3
"""The first run shows a first notification, a supplement and a correction; that takes three weeks."""


LONG = 1_000
"""Entries per question: more than a demo week has."""


class Progression(msgspec.Struct):
    """How far this state folder's world has come; kept beside it, so that the next run goes on."""

    seed: int = 7
    persons: int = 50_000
    first_week: str = "2026-W38"
    next_week: int = 0


class RunningSystem(Protocol):
    """A system that is up, as far as the world outside must know it."""

    def environment(self, name: str) -> Mapping[str, str]:
        """Environment of one process of it."""


def main(system: RunningSystem, persons: int | None = None, seed: int | None = None) -> None:
    """Run the next weeks in this system and show what came of them."""
    settings = load("simulator", system.environment("simulator"))
    place = settings.state / "world.json"
    kept = msgspec.json.decode(place.read_bytes(), type=Progression) if place.exists() else Progression()
    if kept.next_week == 0:
        kept.persons, kept.seed, kept.first_week = persons or kept.persons, seed or kept.seed, settings.first_week
    with Display() as display, CaseSystems(settings) as systems:
        world = World(kept.seed, kept.persons, settings.municipalities, kept.first_week)
        drive = Drive(settings, world, settings.state / "staging", display.report)
        labels = _weeks(drive, kept, place)
    _show(drive, systems, labels)


def _weeks(drive: Drive, kept: Progression, place: Path) -> list[str]:
    count = 1
    if kept.next_week == 0:
        drive.history()
        kept.next_week, count = 1, FIRST_WEEKS
    labels = []
    for _ in range(count):
        labels.append(drive.week(kept.next_week))
        kept.next_week += 1
        place.write_bytes(msgspec.json.encode(kept))
    return labels


class Display:
    """Progress bars on a terminal; one plain line per step elsewhere."""

    def __init__(self) -> None:
        self._bars = Progress(TextColumn("{task.description:<40}"), BarColumn(), TimeElapsedColumn())
        self._tasks: dict[str, TaskID] = {}
        self._plain = not self._bars.console.is_terminal
        self._started = time.monotonic()

    def __enter__(self) -> "Display":
        if not self._plain:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def report(self, what: str, done: float) -> None:
        """A step has begun (0), moved, or is done (1)."""
        if self._plain:
            if done == 1:
                click.echo(f"[{time.monotonic() - self._started:5.1f} s] {what}")
            return
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=1.0)
        self._bars.update(self._tasks[what], completed=done)
        if done == 1:
            self._tasks.pop(what)


def _show(drive: Drive, systems: CaseSystems, labels: list[str]) -> None:
    click.secho("\nLedger", bold=True)
    for account in ledger.weeks(ledger.read(drive.settings)):
        if account.week in labels:
            print_week(account)
    letters = sorted(systems.inbox.values(), key=lambda letter: (letter[0].kind != "supplement", letter[0].sent_at))
    if letters:
        notification, bundle = letters[0]
        click.secho(f"\nOne letter, as the case system of municipality {notification.municipality} opened it\n", bold=True)
        click.echo(plain(bundle["html"]))
        _show_way(drive, notification)
    click.secho("\nWhat to try next", bold=True)
    click.echo(NEXT)


def _show_way(drive: Drive, notification: Notification) -> None:
    rows = drive.doors.get("operator", "delivery", "/deliveries")
    found = [row for row in rows if row.get("message_id") == str(notification.message_id)]
    if not found:
        return
    click.secho("\nThe way of this notification, from the audit log", bold=True)
    for entry in way(drive, found[0]["case_id"], found[0]["week"]):
        click.echo(f"  {entry['at'][:16]}  {entry['source']:<14} {entry['verb']:<13} {entry['action']:<26} {entry['actor']}")


def way(drive: Drive, case_id: str, week: str) -> list[dict[str, Any]]:
    """Audit entries of a case, and before them those of the run and of one of its files, in the order of the log."""
    about_case = drive.doors.get("auditor", "audit", "/entries", case=case_id)["entries"]
    about_run = drive.doors.get("auditor", "audit", "/entries", week=week, verb="combination", limit=LONG)["entries"]
    a_file = drive.doors.get("auditor", "audit", "/entries", week=week, verb="collection", limit=1)["entries"]
    run = [entry for entry in about_run if entry["action"] in ("weekly_run", "candidates_put_into_cases")]
    entries = {entry["position"]: entry for entry in [*a_file, *run, *about_case] if entry["week"] in (week, None)}
    return [entries[position] for position in sorted(entries)]


NEXT = """  make run                                      the next week
  make start                                    keep the system up, then:
  .venv/bin/socialsog notifications             what the municipalities were told
  .venv/bin/socialsog ledger --json             the account of each week, for machines
  .venv/bin/socialsog quarantine                rows that could not be taken in, with line and reason
  .venv/bin/socialsog audit query --limit 20    who did what, when and why
  make stop · make clean                        stop it · forget everything"""
