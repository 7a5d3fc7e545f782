"""Strikes on the services' processes: killed, killed at a named point, paused, more and fewer copies, all restarted in order."""

from random import Random
from uuid import uuid4

from tests.chaos.fleet import Copy, wait_for
from tests.chaos.scene import Scene
from tests.chaos.strikes import Simple, Strike
from tests.chaos.tally import Struck

POINTS: dict[str, tuple[str, ...]] = {
    "before_commit": ("screening", "deduplication", "notification", "delivery", "audit"),
    "after_commit": ("screening", "deduplication", "notification", "delivery", "audit"),
    "in_batch": ("screening", "deduplication", "notification", "delivery", "audit"),
    "sending": ("intake", "identity", "screening", "deduplication", "notification", "delivery"),
    "sent": ("intake", "identity", "screening", "deduplication", "notification", "delivery"),
    "claimed": ("intake", "notification", "delivery"),
    "work_before_commit": ("intake", "notification", "delivery"),
    "work_after_commit": ("intake", "notification", "delivery"),
    "screening": ("screening",),
    "composing": ("notification",),
    "receipt": ("delivery",),
    "appending": ("audit",),
}
"""Each named point and the services that pass it."""
POINT_SECONDS = 20.0
"""How long a planted fault waits for somebody to come by; then it is taken away: missed."""
PAUSES_SECONDS = (0.5, 12.0)
"""From hardly noticed to twice the broker's session and the leases' life: whoever wakes up has been replaced."""
EXTRA_SECONDS = (1.0, 15.0)
"""How long a third copy lives, and longer where it has not joined by then…"""
JOIN_SECONDS = 30.0
"""…but no longer than so much."""


def _any(scene: Scene, chance: Random) -> Copy | None:
    running = scene.fleet.running() if scene.fleet.bearable() else []
    return chance.choice(running) if running else None


def kill(scene: Scene, chance: Random) -> bool:
    """kill -9 of any copy of any service."""
    copy = _any(scene, chance)
    return copy is not None and scene.fleet.kill(copy)


def pause(scene: Scene, chance: Random) -> bool:
    """SIGSTOP of any copy, SIGCONT after a while."""
    copy, seconds = _any(scene, chance), chance.uniform(*PAUSES_SECONDS)
    if copy is None or not scene.fleet.pause(copy):
        return False
    scene.later(seconds, lambda: scene.fleet.go_on(copy))
    return True


def grow(scene: Scene, chance: Random) -> Struck:
    """A third copy of a service joins and leaves again: two rebalances of its consumer group. One that never joined missed."""
    spare = scene.fleet.spare()
    if not spare or not scene.fleet.bearable():
        return False
    copy, seconds = chance.choice(spare), chance.uniform(*EXTRA_SECONDS)
    scene.fleet.grow(copy)

    def leave() -> bool:
        wait_for(lambda: copy.ready or scene.calm, JOIN_SECONDS)
        return scene.fleet.shrink(copy)

    return scene.later(seconds, leave)


def restart_all(scene: Scene, chance: Random) -> bool:
    """Everything is asked to stop and started again."""
    if not scene.fleet.bearable():
        return False
    asked = [scene.fleet.restart(copy) for copy in scene.fleet.running()]
    return any(asked)


def at_point(point: str) -> Strike:
    """Whoever passes a named point next, or a few times later, dies there; where nobody came by it missed."""

    def plant(scene: Scene, chance: Random) -> Struck:
        service, passages = chance.choice(POINTS[point]), chance.choice((1, 1, 2, 3, 5))
        place = f"{service}.{point}"
        if not scene.fleet.bearable() or not scene.take(place):
            return False
        planted = scene.fleet.planted / place
        spare = planted.with_name(f".{uuid4()}")
        spare.write_text(str(passages), encoding="ascii")
        spare.rename(planted)

        def collect() -> bool:
            planted.unlink(missing_ok=True)
            struck = planted.with_suffix(planted.suffix + ".struck")
            hit = struck.exists()
            struck.unlink(missing_ok=True)
            scene.give(place)
            return hit

        return scene.later(POINT_SECONDS, collect)

    return Simple(f"killed at {point}", 0.8, plant)


STRIKES: list[Strike] = [
    Simple("kill -9", 3, kill),
    Simple("pause", 1, pause),
    Simple("third copy", 0.7, grow),
    Simple("restart of all", 0.03, restart_all),
    *map(at_point, POINTS),
]
