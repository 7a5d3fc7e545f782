"""One campaign: a system with all its copies, a world, a striker, and the looks at the end state between the weeks."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from deploy import addresses, guardian
from deploy.engines import Engines
from deploy.system import System, claim
from services.simulator.drive import RUN_AT, Drive, Late
from tests.chaos import strikes
from tests.chaos.clerk import Clerk
from tests.chaos.clock import SkewedClock
from tests.chaos.engine_proxy import put_before
from tests.chaos.fleet import Fleet
from tests.chaos.look import Looker, undisturbed
from tests.chaos.scene import Scene
from tests.chaos.small_disk import SmallDisk, Unavailable, under_both
from tests.chaos.strike_people import two_operators
from tests.chaos.striker import Striker
from tests.conftest import MUNICIPALITIES
from tests.system.town import Town

PATIENCE_SECONDS = 420.0
"""Longest wait of the outside world for anything under attack; a quiet week takes ten seconds."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What the command line asked for."""

    seed: int
    strikes: int
    weeks: int
    seconds: float
    rate: float
    look: int
    copies: int
    only: str = ""
    compare: bool = True


@dataclass
class Result:
    """What came of it. `strikes` hit, `missed` did not. `kinds` counts violations; all are zero when the system holds."""

    seed: int
    weeks: int = 0
    seconds: float = 0.0
    redriven: int = 0
    strikes: dict[str, int] = field(default_factory=dict)
    missed: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    @property
    def survived(self) -> int:
        """How many strikes hit."""
        return sum(self.strikes.values())

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"survived": self.survived, **asdict(self)}


class HarriedDrive(Drive):
    """The outside world, whose operators start each week at the very moment it is due."""

    scene: Scene
    _due = 0

    def screen(self, number: int) -> str:
        """As ever; strikes learn which week is due."""
        self._due = number
        return super().screen(number)

    def move(self, moment: datetime) -> None:
        """Move the clock; when the week is due, two operators start it while the scheduler does."""
        super().move(moment)
        if moment == self.calendar.end(self._due) + RUN_AT:
            self.scene.label = self.calendar.label(self._due)
            self.scene.tally.add("two operators", two_operators(self.scene, Random(self._due)))


class Campaign:
    """Runs one plan in one folder. On `engines` of somebody else, which are then not struck, or on its own."""

    def __init__(self, plan: Plan, folder: Path, say: Say, engines: Engines | None = None, namespace: str = "chaos") -> None:
        self.own = engines is None
        self.plan = plan
        self.folder = folder
        self.say = say
        self.result = Result(plan.seed)
        self.system = System(folder / "state", namespace, MUNICIPALITIES, engines)
        self.lines = put_before(self.system) if self.own else {}

    def run(self) -> Result:
        """All of it, from starting the engines to stopping them."""
        began = time.monotonic()
        if self.own:
            claim(self.system.state)
            addresses.save(self.system.state, addresses.elsewhere(self.system.state))  # beside whatever else runs here
            guardian.watch(self.system.state, remove=False)
        try:
            self.system.start_engines()
            with ExitStack() as stack:
                disks = self._disks(stack) if self.own else {}
                self.system.prepare()
                self._attacked(disks)
                self.result.seconds = time.monotonic() - began
                if self.plan.compare and not self.result.violations:
                    self._compare()
        finally:
            self.system.stop()
            if self.own:
                self.system.embedded.postgres.remove()
            for line in self.lines.values():
                line.close()
        return self.result

    def _disks(self, stack: ExitStack) -> Mapping[str, SmallDisk]:
        """Disks that can be filled under the engines, where this machine lets us mount them."""
        try:
            return stack.enter_context(under_both(self.system.embedded))
        except Unavailable as reason:
            self.say(f"no disk is filled: no small file system can be mounted here ({reason})")
            self.system.start_engines()
            return {}

    def _attacked(self, disks: Mapping[str, SmallDisk]) -> None:
        self.town = Town.around(self.system, self.folder / "town")
        self.town.folder.mkdir()
        fleet = Fleet(self.system, self.system.state / "points", Random(self.plan.seed), self._violation)
        fleet.start(self.plan.copies)
        try:
            self.town.join()
            self._weeks(fleet, disks)
        finally:
            self.town.leave()
            fleet.stop()

    def _violation(self, what: str) -> None:
        self.say(f"VIOLATION {what}")
        self.result.violations.append(what)

    def _weeks(self, fleet: Fleet, disks: Mapping[str, SmallDisk]) -> None:
        scene = Scene(self.town, fleet, SkewedClock(self.system.clock.path), disks)
        drive = HarriedDrive(self.town.settings, self.town.world, self.town.folder / "staging", patience_seconds=PATIENCE_SECONDS)
        drive.scene, drive.clock = scene, scene.clock
        self.town.drive = drive
        chosen = [each for each in strikes.every(engines=self.own) if self.plan.only in each.name]
        self.looker = Looker(self.town, scene)
        began = time.monotonic()
        with Clerk(scene) as clerk, Striker(scene, chosen, self.plan.seed, self.plan.rate) as striker:
            try:
                self._drive(drive, striker, began)
            except Late as late:
                self._violation(f"stuck: {late}")
                striker.end()
                self._look()  # what it is that was lost, so that the week cannot end
            self.result.redriven = clerk.redriven
        self.result.strikes, self.result.missed = dict(scene.tally.hits), dict(scene.tally.missed)
        self.result.violations += scene.violations
        scene.close()

    def _drive(self, drive: Drive, striker: Striker, began: float) -> None:
        drive.history()
        number = 0
        while True:
            striker.begin()
            for _ in range(self.plan.look):
                number += 1
                label = drive.week(number)
                self.result.weeks = number
                self.say(f"{time.monotonic() - began:6.0f} s  {label}  {striker.survived} strikes")
                if self._enough(striker, number, began):
                    break
            striker.end()
            self._look()
            if self.result.violations or self._enough(striker, number, began):
                return

    def _enough(self, striker: Striker, number: int, began: float) -> bool:
        late = time.monotonic() - began > self.plan.seconds
        return late or striker.survived >= self.plan.strikes or number >= self.plan.weeks

    def _look(self) -> None:
        found = self.looker.look(map(self.town.world.calendar.label, range(1, self.result.weeks + 1)))
        for kind, violations in found.items():
            self.result.kinds[kind] = self.result.kinds.get(kind, 0) + len(violations)
            for each in violations:
                self._violation(f"{kind}: {each}")

    def _compare(self) -> None:
        self.say("the same weeks undisturbed, to compare")
        found = undisturbed(self.system, self.folder, self.result.weeks, self.looker)
        self.result.kinds["differs from the undisturbed run"] = len(found)
        for each in found:
            self._violation(f"differs from the undisturbed run: {each}")
