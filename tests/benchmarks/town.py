"""The system that is measured, on engines of its own, and what an administrator sees of it with cheap questions.

Questions are asked every tenth of a second, so none may read what grows with the country.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg

from deploy import addresses, guardian
from deploy.system import System
from deploy.waiting import wait_until
from services.runtime.settings import SERVICES, Settings, load
from services.simulator.doors import Doors

LOOK_SECONDS = 0.1
LONGEST_SECONDS = 3_600.0
"""The first load of the country is the longest wait."""

_ARRIVED = """
    SELECT coalesce((SELECT sum(last) FROM {writer}.outbox_position WHERE topic = %(topic)s), 0)
        = coalesce((SELECT sum((SELECT sum(upper(r) - lower(r)) FROM unnest(seen) AS r))
            FROM {reader}.received WHERE topic = %(topic)s), 0)
"""


class Town:
    """One running system. Use as a context manager; `keep` leaves its data for the next time."""

    def __init__(self, state: Path, *, keep: bool) -> None:
        self.system = System(state)
        self._keep = keep

    def __enter__(self) -> "Town":
        state = self.system.state
        state.mkdir(mode=0o711, parents=True, exist_ok=True)
        guardian.watch(state, remove=not self._keep)
        self.system.embedded.start(first=addresses.elsewhere(state))
        self.system.start_engines()
        self.system.prepare()
        self.system.start_services()
        self.settings: Settings = load("simulator", self.system.environment("simulator"))
        self.doors = Doors(self.settings)
        self.doors._http.timeout = httpx.Timeout(LONGEST_SECONDS)  # a run over the whole history takes minutes
        self._owner = psycopg.connect(self.system.engines.admin_of(self.system.engines.database), autocommit=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._owner.close()
        self.system.stop()
        if not self._keep:
            self.system.embedded.postgres.remove()

    def pids(self) -> dict[str, int]:
        """Processes to watch, by name."""
        processes = {name: self.system.services.process(name).pid for name in SERVICES}
        (broker,) = self.system.embedded.kafka.nodes
        engines = {"kafka": broker.process.pid, "postgres": self.system.embedded.postgres.process.pid}
        return {name: pid for name, pid in (processes | engines).items() if pid is not None}

    def connect(self) -> "psycopg.Connection[Any]":
        """A connection as administrator: the test role that reads every schema."""
        return psycopg.connect(self.system.engines.admin_of(self.system.engines.database), autocommit=True)

    def ask(self, query: str, **values: object) -> Any:
        """The one value that a query gives."""
        row = self._owner.execute(query.encode(), values or None).fetchone()
        return row[0] if row else None

    def wait(self, what: str, condition: Callable[[], bool], seconds: float = LONGEST_SECONDS) -> float:
        """Wait for a condition; seconds that it took."""
        begun = time.monotonic()
        wait_until(condition, seconds, what, every=LOOK_SECONDS)
        return time.monotonic() - begun

    def arrived(self, topic: str, writer: str, reader: str) -> bool:
        """Whether a reader has handled everything that a service has written to a topic."""
        return bool(self.ask(_ARRIVED.format(writer=writer, reader=reader), topic=topic))

    def read_extracts(self) -> int:
        """Extracts read to their end."""
        return int(self.ask("SELECT count(*) FROM intake.extract WHERE state = 'read'"))

    def read_register(self) -> int:
        """The last register delivery that was read to its end."""
        return int(self.ask("SELECT coalesce(max(sequence), 0) FROM identity.register_file WHERE state = 'read'"))
