"""The engines that tests run against: those the environment names, else containers, else the embedded ones – and why.
`SOCIALSOG_TESTS_ON` insists: `containers`, or `compose` for the whole system as containers.

`choose()` is quick and says what and why (for pytest's header); `start()` starts them. All kinds run with log-in and
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
from deploy.compose.folder import Folder, Place
from deploy.compose.project import COMPOSE, TEST_OVERLAY, Project
from deploy.engines import EmbeddedEngines, Engines, given
from services.runtime.settings import SERVICES

Kind = Literal["given", "containers", "embedded", "compose"]


@dataclass(frozen=True)
class Choice:
    """Which engines, and why in one sentence."""

    kind: Kind
    reason: str


@dataclass(frozen=True)
class Running:
    """Engines that serve. `embedded` gives the two servers themselves, for tests that kill them; `logs` what they wrote.

    With `compose` there are no engines before its system starts, and that system is the only one.
    """

    choice: Choice
    engines: Engines
    stop: Callable[[], None]
    logs: Callable[[], dict[str, str]]
    embedded: EmbeddedEngines | None = None
    compose: Project | None = None


def choose(environ: Mapping[str, str] = os.environ) -> Choice:
    """What to run against here, and why. May pull images where a Docker daemon can."""
    forced = environ.get("SOCIALSOG_TESTS_ON", "")
    if forced == "compose":
        return Choice("compose", "SOCIALSOG_TESTS_ON is compose: the services are containers too")
    named = [name for name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL") if environ.get(name)]
    if len(named) == 2:
        return Choice("given", "KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL are set")
    half = f"only {named[0]} is set, which is not enough; " if named else ""
    obstacle = containers.obstacle(environ)
    if forced == "containers" and obstacle is not None:
        raise RuntimeError(f"SOCIALSOG_TESTS_ON is containers, but {obstacle}")
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
    return _compose(choice) if choice.kind == "compose" else embedded(choice)


def _compose(choice: Choice) -> Running:
    folder = Path(tempfile.mkdtemp(prefix="socialsog-compose-"))
    place = addresses.elsewhere(folder)
    doors = place.kafka // 100 * 100 + 100  # beyond the two engines' ports
    project = Project(
        Folder(folder, Place(place.kafka, place.postgres, addresses.free_block(doors, 100) // 100)),
        f"socialsog-test-{os.getpid()}",
        (COMPOSE, TEST_OVERLAY),
    )
    project.folder.secrets.make_engines()
    password = project.folder.secrets.read("postgres-admin")
    engines = Engines(
        f"{addresses.HOST}:{place.kafka}",
        "admin",
        project.folder.secrets.read("kafka-admin"),
        f"postgresql://postgres:{password}@{addresses.HOST}:{place.postgres}/postgres",
    )

    def stop() -> None:
        if project.folder.env.exists():
            project.remove()
        shutil.rmtree(folder, ignore_errors=True)

    def logs() -> dict[str, str]:
        return {name: project.logs(name) for name in ("kafka", "postgres", "provision", *SERVICES)}

    return Running(choice, engines, stop, logs, compose=project)


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
