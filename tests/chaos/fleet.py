"""All copies of all services, and the supervisor that starts again what died – as an init system or Kubernetes would.

Copy 1 of each service is the system's own process; copies 2 and 3 have ports of their own, so they also call each other's doors.
A process that ended by itself, and not because somebody killed it or asked it to, is reported.
"""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Event as Signal
from threading import RLock, Thread

from deploy import addresses
from deploy.embedded.jars import CHECKOUT
from deploy.pids import Command, Process
from deploy.processes import is_ready
from deploy.system import System
from deploy.waiting import pause, wait_until
from services.runtime import points
from services.runtime.errors import is_transient
from services.runtime.settings import SERVICES

LOOK_SECONDS = 0.1
LONGEST_DOWN_SECONDS = 1.5
"""A dead process is started again within this time."""
KILLED = (None, -signal.SIGKILL)
"""Ends that come from outside; None is the end of what was never started."""
ORDERLY = (0, -signal.SIGTERM)
"""Ends of who was asked to; SIGTERM while a process is still starting ends it without a word."""
MOST_AWAY = 0.25
"""Share of all copies that may be away at once."""
WHOLE_SECONDS = 120
"""For all copies to be ready again: a start takes a second of processor time, of which two cores give two at a time."""


@dataclass
class Copy:
    """One process of a service. `wanted`: the supervisor keeps it running. `down_for`: seconds until it starts it again.
    `asked`: to end.
    """

    service: str
    number: int
    wanted: bool = False
    down_for: float | None = None
    paused: bool = False
    asked: bool = False
    ready: bool = False

    @property
    def name(self) -> str:
        """Its name among the processes of the state folder."""
        return self.service if self.number == 1 else f"{self.service}-{self.number}"


@dataclass
class Fleet:
    """The copies of one system."""

    system: System
    planted: Path
    chance: Random
    report: Callable[[str], None]
    copies: list[Copy] = field(init=False)

    def __post_init__(self) -> None:
        self.copies = [Copy(service, number) for number in (1, 2, 3) for service in SERVICES]
        self.planted.mkdir(exist_ok=True)
        self._lock = RLock()
        self._stop = Signal()
        self._supervisor = Thread(target=self._supervise, name="supervisor", daemon=True)

    def start(self, copies: int) -> None:
        """Start so many copies of each service and keep them running."""
        self.system.start_services((), wait=False)  # chooses the ports
        first = self.system.settings("cli").base_port
        self._ports = {1: first}
        for number in (2, 3):
            self._ports[number] = addresses.free_block(self._ports[number - 1] + 10, 10)
        for copy in self.copies:
            copy.wanted = copy.number <= copies
        self._supervisor.start()
        self.make_whole()

    def process(self, copy: Copy) -> Process:
        """The process of a copy, running or not."""
        return Process(self.system.state / "pids", copy.name)

    def running(self) -> list[Copy]:
        """The copies that run now and are not paused."""
        return [copy for copy in self.copies if not copy.paused and self.process(copy).pid is not None]

    def bearable(self) -> bool:
        """Whether few enough copies are away or starting that one more may go: a busy machine is struck less, and weeks end."""
        wanted = [copy for copy in self.copies if copy.wanted]
        return sum(copy.paused or not copy.ready for copy in wanted) <= MOST_AWAY * len(wanted)

    def kill(self, copy: Copy) -> bool:
        """kill -9; whether it was alive."""
        with self._lock:
            copy.paused = copy.ready = False
            return self.process(copy).send(signal.SIGKILL)

    def pause(self, copy: Copy) -> bool:
        """SIGSTOP; whether it was alive."""
        copy.paused = self.process(copy).send(signal.SIGSTOP)
        return copy.paused

    def go_on(self, copy: Copy) -> None:
        """SIGCONT."""
        self.process(copy).send(signal.SIGCONT)
        copy.paused = False

    def spare(self) -> list[Copy]:
        """Third copies that may be started: none of them runs, or is about to."""
        return [copy for copy in self.copies if copy.number == 3 and not copy.wanted and self.process(copy).pid is None]

    def grow(self, copy: Copy) -> None:
        """Want a copy that was not wanted."""
        copy.wanted = True

    def shrink(self, copy: Copy) -> bool:
        """Stop a copy in order and do not want it any more; whether it had become ready."""
        with self._lock:
            copy.wanted = False
            return self._ask_to_end(copy) and copy.ready

    def restart(self, copy: Copy) -> bool:
        """Stop a copy in order; the supervisor starts it again. Whether it was running."""
        return self._ask_to_end(copy)

    def _ask_to_end(self, copy: Copy) -> bool:
        with self._lock:
            sent = self.process(copy).send(signal.SIGTERM)
            copy.asked |= sent
            return sent

    def _supervise(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            for copy in self.copies:
                with self._lock:
                    self._look(copy)
                if not (copy.ready or copy.paused) and self.process(copy).pid is not None:
                    copy.ready = is_ready(self.url(copy))

    def _look(self, copy: Copy) -> None:
        process = self.process(copy)
        if process.pid is not None:
            return
        if copy.down_for is None:
            self._ended(copy, process)
            copy.down_for = self.chance.uniform(0, LONGEST_DOWN_SECONDS)
        elif not copy.wanted:
            return
        elif copy.down_for > 0:
            copy.down_for -= LOOK_SECONDS
        else:
            copy.down_for = None
            process.start(self._command(copy))

    def _ended(self, copy: Copy, process: Process) -> None:
        code = process.exit_code
        if code not in KILLED and not (copy.asked and code in ORDERLY):
            self.report(f"{copy.name} ended by itself with code {code}: see {self._log(copy)}")
        copy.paused = copy.ready = copy.asked = False

    def _log(self, copy: Copy) -> Path:
        return self.system.state / "logs" / f"{copy.name}.log"

    def _command(self, copy: Copy) -> Command:
        environment = self.system.environment(copy.service) | {
            "SOCIALSOG_BASE_PORT": str(self._ports[copy.number]),
            points.VARIABLE: str(self.planted),
        }
        arguments = [self.system.services.python, "-m", f"services.{copy.service}"]
        return Command(arguments, self._log(copy), environment, folder=CHECKOUT)

    def url(self, copy: Copy) -> str:
        """Where a copy serves its doors."""
        return f"http://127.0.0.1:{self._ports[copy.number] + SERVICES.index(copy.service)}"

    def make_whole(self) -> None:
        """Let paused copies go on and wait until every wanted copy is ready."""
        for copy in self.copies:
            if copy.paused:
                self.go_on(copy)
        wanted = [copy for copy in self.copies if copy.wanted]
        wait_until(lambda: all(is_ready(self.url(copy)) for copy in wanted), WHOLE_SECONDS, "all copies ready")

    def stop(self) -> None:
        """Stop the supervisor, then everything, in order."""
        self._stop.set()
        if self._supervisor.is_alive():
            self._supervisor.join()
        for copy in self.copies:
            if copy.paused:
                self.go_on(copy)
        processes = [self.process(copy) for copy in self.copies]
        for process in processes:
            process.send(signal.SIGTERM)
        for process in processes:
            process.stop(seconds=25)


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether a condition came true within so many seconds; what is away just now may come back."""
    end = time.monotonic() + seconds
    while not _holds(condition):
        if time.monotonic() > end:
            return False
        pause(LOOK_SECONDS)
    return True


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except Exception as error:
        if not is_transient(error):
            raise
        return False
