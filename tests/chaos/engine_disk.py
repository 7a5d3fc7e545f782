"""A full disk under Kafka or under PostgreSQL, where the engines have disks of their own (see small_disk.py)."""

import re
from collections.abc import Mapping
from pathlib import Path
from random import Random

from tests.chaos.engine_signals import ENGINES, kill, start
from tests.chaos.scene import Scene
from tests.chaos.strikes import Simple, Strike
from tests.chaos.tally import Struck

FULL_SECONDS = (1.0, 6.0)
"""From a few refused writes to an engine that has ended; the journal and the log are written many times a second."""
REFUSED = {
    "kafka": ("kafka*.log", re.compile(rb"No space left on device")),
    "postgres": ("*.log", re.compile(rb"sqlstate=53100| 53100 ")),
}
"""What is said, and where, once somebody could not write: by Kafka itself; by PostgreSQL, or by the service that it refused."""


def sizes(logs: Path) -> dict[Path, int]:
    """How long each log is now."""
    return {path: path.stat().st_size for path in logs.glob("*.log")}


def refused(name: str, logs: Path, since: Mapping[Path, int]) -> bool:
    """Whether the logs say, behind what they held then, that an engine could not write."""
    where, words = REFUSED[name]
    return any(words.search(path.read_bytes()[since.get(path, 0) :]) for path in logs.glob(where))


def _full(name: str) -> Strike:
    """Nothing can be written for a while; an engine that ends of it is started again when there is room. Else who felt it?"""

    def hit(scene: Scene, chance: Random) -> Struck:
        servers, disk, seconds = scene.system.embedded, scene.disks.get(name), chance.uniform(*FULL_SECONDS)
        if disk is None or not servers.running(name) or not scene.take(name):
            return False
        logs = servers.state / "logs"
        before, full = sizes(logs), disk.fill()

        def mend() -> bool:
            felt = full and (refused(name, logs, before) or not servers.running(name))
            disk.free()
            if name == "kafka":
                kill(servers, name)  # it is ending, or will: a log that could not be written once is given up
            start(servers, name)
            scene.give(name)
            return felt

        return scene.later(seconds, mend)

    return Simple(f"disk of {name} full", 0.05, hit)


STRIKES: list[Strike] = [_full(name) for name in ENGINES]
