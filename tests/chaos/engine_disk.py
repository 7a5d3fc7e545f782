"""A full disk under Kafka or under PostgreSQL, where the engines have disks of their own (see small_disk.py)."""

from random import Random

from tests.chaos.engine_signals import ENGINES, kill, start
from tests.chaos.scene import Scene
from tests.chaos.strikes import Simple, Strike

FULL_SECONDS = (1.0, 6.0)
"""From a few refused writes to an engine that has ended; the journal and the log are written many times a second."""


def _full(name: str) -> Strike:
    """Nothing can be written for a while; an engine that ends of it is started again when there is room."""

    def hit(scene: Scene, chance: Random) -> bool:
        servers, disk, seconds = scene.system.embedded, scene.disks.get(name), chance.uniform(*FULL_SECONDS)
        if disk is None or not servers.running(name) or not scene.take(name):
            return False

        def mend() -> None:
            disk.free()
            if name == "kafka":
                kill(servers, name)  # it is ending, or will: a log that could not be written once is given up
            start(servers, name)
            scene.give(name)

        happened = disk.fill()
        scene.later(seconds, mend)
        return happened

    return Simple(f"disk of {name} full", 0.05, hit)


STRIKES: list[Strike] = [_full(name) for name in ENGINES]
