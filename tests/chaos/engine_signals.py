"""Strikes on the engines' processes: Kafka or PostgreSQL is killed and started again, or stands still for a while.

PostgreSQL is one process per connection. Killed is the main one, whose helpers must notice and leave the data to the next;
paused are all of them, or who is connected would not notice.
"""

import os
import signal
from contextlib import suppress
from random import Random

import psutil

from deploy.engines import EmbeddedEngines
from deploy.pids import Process
from tests.chaos.scene import Scene
from tests.chaos.strikes import Simple, Strike

ENGINES = ("kafka", "postgres")
AWAY_SECONDS = (0.5, 5.0)
"""How long a killed engine lies before somebody starts it again."""
PAUSES_SECONDS = (0.5, 15.0)
"""From hardly noticed to beyond the clients' timeouts (10 s) and every lease (5 s)."""


def processes(servers: EmbeddedEngines, name: str) -> list[int]:
    """All process ids of an engine, its main process first; none when it does not run."""
    main = Process(servers.state / "pids", name).pid
    if main is None:
        return []
    with suppress(psutil.NoSuchProcess):
        return [main, *(child.pid for child in psutil.Process(main).children(recursive=True))]
    return []


def kill(servers: EmbeddedEngines, name: str) -> bool:
    """kill -9 of an engine's main process; whether it ran."""
    process = Process(servers.state / "pids", name)
    alive = process.pid is not None
    process.kill()
    return alive


def signal_all(servers: EmbeddedEngines, name: str, number: signal.Signals) -> bool:
    """A signal to every process of an engine; whether it reached one."""
    reached = False
    for pid in processes(servers, name):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            reached = True
    return reached


def start(servers: EmbeddedEngines, name: str) -> None:
    """Start an engine that was struck, as its supervisor would."""
    if name == "postgres":
        servers.postgres.start()
    else:
        servers.kafka.start()


def _kill(name: str) -> Strike:
    def hit(scene: Scene, chance: Random) -> bool:
        servers, seconds = scene.system.embedded, chance.uniform(*AWAY_SECONDS)
        if not servers.running(name) or not scene.take(name):
            return False

        def mend() -> None:
            start(servers, name)
            scene.give(name)

        struck = kill(servers, name)
        scene.later(seconds, mend)
        return struck

    return Simple(f"kill -9 of {name}", 0.1, hit)


def _pause(name: str) -> Strike:
    def hit(scene: Scene, chance: Random) -> bool:
        servers, seconds = scene.system.embedded, chance.uniform(*PAUSES_SECONDS)
        if not servers.running(name) or not scene.take(name):
            return False

        def mend() -> None:
            signal_all(servers, name, signal.SIGCONT)
            start(servers, name)  # a broker that has been shut out of its own cluster may end
            scene.give(name)

        struck = signal_all(servers, name, signal.SIGSTOP)
        scene.later(seconds, mend)
        return struck

    return Simple(f"pause of {name}", 0.1, hit)


STRIKES: list[Strike] = [strike(name) for strike in (_kill, _pause) for name in ENGINES]
