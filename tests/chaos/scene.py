"""What a strike sees: the running system with all its copies, its world and its clock, and what it may do and must report."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event as Signal
from threading import Lock
from typing import Any, TypeVar

from deploy.system import System
from services.simulator.doors import Doors
from tests.chaos.clock import SkewedClock
from tests.chaos.fleet import Fleet
from tests.chaos.planted import Planted
from tests.chaos.post import Post
from tests.chaos.small_disk import SmallDisk
from tests.chaos.tally import Tally
from tests.system.town import Town

MENDERS = 64
"""Threads for what waits to be mended; waiting is nearly all they do."""
Said = TypeVar("Said")


class Scene:
    """One running system under attack."""

    def __init__(self, town: Town, fleet: Fleet, clock: SkewedClock, disks: Mapping[str, SmallDisk]) -> None:
        self.town = town
        self.fleet = fleet
        self.clock = clock
        self.disks = disks  # of the engines that have one of their own, by name
        self.planted = Planted()
        self.post = Post(town)
        self.doors = Doors(town.settings)
        self.label = ""  # the week that is being run, once its run is due
        self.tally = Tally()
        self.violations: list[str] = []
        self._taken: set[str] = set()
        self._lock = Lock()
        self._calm = Signal()
        self._pool = ThreadPoolExecutor(MENDERS, thread_name_prefix="mender")
        self._mending: list[Future[Any]] = []

    @property
    def system(self) -> System:
        """The system; `system.embedded` are its own engines."""
        return self.town.system

    def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        """Rows that an administrator reads; `{ns}` in the query stands for the namespace's prefix."""
        return self.town.rows(query, **values)

    def violation(self, what: str) -> None:
        """Report something that must never be, seen while striking."""
        with self._lock:
            self.violations.append(what)

    def take(self, name: str) -> bool:
        """Reserve something that only one strike may have at a time."""
        with self._lock:
            free = name not in self._taken
            self._taken.add(name)
        return free

    def give(self, name: str) -> None:
        """End a reservation."""
        with self._lock:
            self._taken.discard(name)

    def later(self, seconds: float, mend: Callable[[], Said]) -> "Future[Said]":
        """Mend after so many seconds, or at once when calm is called for; what the mending will say."""
        mending = self._pool.submit(self._mend, seconds, mend)
        self._mending.append(mending)
        return mending

    def _mend(self, seconds: float, mend: Callable[[], Said]) -> Said:
        self._calm.wait(seconds)
        return mend()

    @property
    def calm(self) -> bool:
        """Whether strikes are interrupted; what waits for something while striking gives up then."""
        return self._calm.is_set()

    def settle(self) -> None:
        """Mend everything now. A mending that fails is a failure of the harness or of an engine, and raised."""
        self._calm.set()
        mending, self._mending = self._mending, []
        for each in mending:
            each.result()
        self.clock.right()
        self.fleet.make_whole()

    def resume(self) -> None:
        """Strikes may go on."""
        self._calm.clear()

    def close(self) -> None:
        """Mend everything and end the threads."""
        self._calm.set()
        self._pool.shutdown()
        self.post.close()
