"""Drives a running system through weeks: moves the clock, delivers files at their moments, lets people decide.

Every wait is for a condition seen through a public door or the ledger, with a deadline that names what did not happen.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from services import ledger
from services.runtime.clock import FileClock
from services.runtime.errors import is_transient
from services.runtime.settings import Settings
from services.simulator import reviewers
from services.simulator.doors import Doors
from services.simulator.weeks import Calendar
from services.simulator.world import Deliverable, World

LOOK_SECONDS = 0.25
"""Between two looks: a look costs a query of every schema."""
DEADLINE_SECONDS = 180.0
"""A week of the default world takes seconds; three minutes leave room for two busy cores."""
RUN_AT = timedelta(hours=5)
DECISIONS_AT = timedelta(days=1, hours=12)
"""After the end of the week: the run is due on Monday at 05:00, people decide on Tuesday at noon."""

BEFORE_REVIEW = ("screening.", "deduplication.", "candidates ", "drafts_asked", "drafts_composing")
"""What the ledger calls open while letters are still on their way to the reviewers."""

Report = Callable[[str, float], None]
"""Told what is being waited for and how much of it is done (0 to 1)."""


class Late(Exception):
    """Something did not happen within its deadline; the message says what was last seen."""


class Drive:
    """One world and one running system."""

    def __init__(
        self,
        settings: Settings,
        world: World,
        staging: Path,
        report: Report = lambda what, done: None,
        patience_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self.settings = settings
        self.patience_seconds = patience_seconds
        self.world = world
        self.staging = staging
        self.report = report
        self.doors = Doors(settings)
        self.clock = FileClock(Path(settings.clock.removeprefix("file:")))
        self.calendar: Calendar = world.calendar

    def history(self) -> None:
        """Deliver the past: register, institutions, the first extract of every district; and approve the catalogue."""
        self.act("catalogue approved", lambda: reviewers.approve_catalogue(self.doors))
        self.deliver(self.world.deliverables(0, self.staging))

    def week(self, number: int, decide: reviewers.Decide = reviewers.approve_everything) -> str:
        """One whole week until its ledger is settled; its ISO label."""
        label = self.screen(number)
        self.after_run(number)
        self.decide(number, decide)
        self.settle(label, decide)
        return label

    def screen(self, number: int) -> str:
        """Deliver the week's extracts and let the scheduler run it; its ISO label."""
        label = self.calendar.label(number)
        run_at = self.calendar.end(number) + RUN_AT
        self._files = self.world.deliverables(number, self.staging)
        self.deliver([each for each in self._files if each.moment < run_at])
        self.move(run_at)
        self.wait(f"{label}: run", lambda: self.run_of(label) in ("finished", "braked"))
        return label

    def after_run(self, number: int) -> None:
        """Deliver what the register learns between the run and the decisions."""
        run_at = self.calendar.end(number) + RUN_AT
        self.deliver([each for each in self._files if each.moment >= run_at])
        self.act("unidentifiable closed", lambda: reviewers.close_unidentifiable(self.doors))

    def decide(self, number: int, decide: reviewers.Decide = reviewers.approve_everything) -> None:
        """Tuesday noon: every draft that is composed is decided, also those that come back."""
        self.move(self.calendar.end(number) + DECISIONS_AT)
        label = self.calendar.label(number)
        self.wait(f"{label}: letters composed", lambda: self.drafts_ready(label))
        self.act(f"{label}: drafts decided", lambda: reviewers.review(self.doors, decide))

    def settle(self, label: str, decide: reviewers.Decide = reviewers.approve_everything) -> None:
        """Wait until nothing but people's decisions is open in this week, deciding what comes back meanwhile."""
        self.wait(f"{label}: acknowledged", lambda: self._settled(label, decide))

    def _settled(self, label: str, decide: reviewers.Decide) -> bool:
        account = self.ledger(label)
        if account is None:
            return False
        if any(each.startswith("drafts_waiting") for each in account.open):
            reviewers.review(self.doors, decide)
        return not account.unbalanced and all(_for_people(each) for each in account.open)

    def ledger(self, label: str) -> ledger.WeekLedger | None:
        """The account of one week; None before it was run."""
        found = [each for each in ledger.weeks(ledger.read(self.settings)) if each.week == label]
        return found[0] if found else None

    def drafts_ready(self, label: str) -> bool:
        """Whether every draft that the run led to is composed; monitoring's live counts move the bar meanwhile."""
        self._show_live(f"{label}: letters composed", label, "drafts_waiting", "drafts_asked")
        account = self.ledger(label)
        return account is not None and not [each for each in account.open if each.startswith(BEFORE_REVIEW)]

    def _show_live(self, what: str, label: str, part: str, whole: str) -> None:
        """Report how far a stage is, by monitoring; nothing waits for a display that is away."""
        with suppress(httpx.HTTPError):
            counts = self.doors.get("operator", "monitoring", "/counts")["weeks"].get(label, {})
            self.report(what, min(counts.get(part, 0) / max(counts.get(whole, 0), 1), 0.99))

    def run_of(self, label: str) -> str | None:
        """Status of a week's run."""
        answer = self.doors.get("operator", "screening", "/runs")
        rows = answer["runs"] if isinstance(answer, dict) else answer
        return next((row["status"] for row in rows if row["week"] == label), None)

    def move(self, moment: datetime) -> None:
        """Move the clock forward; never back."""
        if moment > self.clock.now():
            self.clock.move(moment)

    def deliver(self, files: Iterable[Deliverable]) -> None:
        """Put files into the inbox at their moments and wait until each was read or refused."""
        handed = []
        for file in files:
            self.move(file.moment)
            file.hand_over(self.settings.inbox)
            handed.append(file)
        for folder, service, path in (("register", "identity", "/register-files"), ("police", "intake", "/extracts")):
            expected = {_stem(file.manifest.name) for file in handed if file.folder == folder}
            if expected:
                self.wait(f"{service} reads {len(expected)} files", partial(self._read, expected, service, path))

    def _read(self, expected: set[str], service: str, path: str) -> bool:
        rows: list[dict[str, Any]] = self.doors.get("operator", service, path)
        done = {_stem(row.get("extract_id") or row["file"]) for row in rows if row["state"] in ("read", "refused")}
        self.report(f"{service} reads {len(expected)} files", len(expected & done) / len(expected))
        return expected <= done

    def act(self, what: str, deed: Callable[[], object]) -> None:
        """Let somebody act until it succeeds: whose call was broken off looks again what is left to do, and goes on."""
        self.wait(what, lambda: deed() is not None)

    def wait(self, what: str, condition: Callable[[], bool], seconds: float | None = None) -> None:
        """Wait for a condition. Raises Late with what was waited for."""
        seconds = seconds or self.patience_seconds
        self.report(what, 0)
        end = time.monotonic() + seconds
        while not self._holds(condition):
            if time.monotonic() > end:
                raise Late(f"{what} did not happen within {seconds:.0f} s; see `socialsog ledger` and the services' logs")
            time.sleep(LOOK_SECONDS)  # real time: the world outside polls doors, it has no other way to be told
        self.report(what, 1)

    @staticmethod
    def _holds(condition: Callable[[], bool]) -> bool:
        try:
            return condition()
        except Exception as error:
            if not is_transient(error):
                raise
            return False


def _stem(manifest: str) -> str:
    return manifest.removesuffix(".manifest.json")


def _for_people(line: str) -> bool:
    return line.startswith(("records_waiting", "drafts_held"))
