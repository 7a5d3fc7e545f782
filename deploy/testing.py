"""The engines that tests run against: those the environment names, else containers, else the embedded ones – and why.

`choose()` is quick and says what and why (for pytest's header); `start()` starts them. All three kinds run with log-in and
rights. Whoever starts stops, with `Running.stop`.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from deploy import addresses, containers, guardian
from deploy.engines import EmbeddedEngines, Engines, given

Kind = Literal["given", "containers", "embedded"]


@dataclass(frozen=True)
class Choice:
    """Which engines, and why in one sentence."""

    kind: Kind
    reason: str


@dataclass(frozen=True)
class Running:
    """Engines that serve. `embedded` gives the two servers themselves, for tests that kill them; `logs` what they wrote."""

    choice: Choice
    engines: Engines
    stop: Callable[[], None]
    logs: Callable[[], dict[str, str]]
    embedded: EmbeddedEngines | None = None


def choose(environ: Mapping[str, str] = os.environ) -> Choice:
    """What to run against here, and why. May pull images where a Docker daemon can."""
    named = [name for name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL") if environ.get(name)]
    if len(named) == 2:
        return Choice("given", "KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL are set")
    half = f"only {named[0]} is set, which is not enough; " if named else ""
    obstacle = containers.obstacle(environ)
    if obstacle is None:
        images = f"{containers.KAFKA_IMAGE} and {containers.POSTGRES_IMAGE}"
        return Choice("containers", f"{half}a Docker daemon answers and has {images}")
    return Choice("embedded", half + obstacle)


def start(choice: Choice) -> Running:
    """Start what was chosen, and wait until it serves."""
    if choice.kind == "given":
        engines = given()
        if engines is None:
            raise RuntimeError("KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL are no longer set")
        return Running(choice, replace(engines, passing=True), lambda: None, dict)
    if choice.kind == "containers":
        pair = containers.Pair()
        return Running(choice, replace(pair.start(), passing=True), pair.stop, pair.logs)
    return embedded(choice)


def embedded(choice: Choice, brokers: int = 1, advertised_port: int | None = None) -> Running:
    """Embedded servers of their own, in a folder that goes with them."""
    folder = Path(tempfile.mkdtemp(prefix="socialsog-test-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user where we are root, and must pass through
    servers = EmbeddedEngines(folder, brokers, advertised_port)
    guardian.watch(folder, remove=True)

    def stop() -> None:
        servers.stop()
        servers.postgres.remove()
        shutil.rmtree(folder, ignore_errors=True)

    try:
        engines = servers.start(first=addresses.elsewhere(folder))
    except BaseException:
        stop()
        raise

    def logs() -> dict[str, str]:
        return {path.name: path.read_text(encoding="utf-8", errors="replace") for path in (folder / "logs").iterdir()}

    return Running(choice, replace(engines, passing=True), stop, logs, servers)
