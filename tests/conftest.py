"""Real engines for every test that needs them: those the environment names, containers, or the embedded ones.

They start once per session; each test gets its own namespace (topics, schemas, roles) on them. Where they cannot be had a
test fails in CI, and where somebody insists on some engines, and is skipped, with the reason, on a user's machine.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from deploy.compose.system import ComposeSystem
from deploy.embedded.jars import DamagedJar, NotFetched
from deploy.embedded.kafka import KafkaFailed
from deploy.embedded.postgres import PostgresFailed
from deploy.system import System
from deploy.testing import Choice, Running, choose, start
from deploy.waiting import DeadlinePassed
from tests.owned_store import OwnedStore

MUNICIPALITIES = ("101", "147", "461", "751", "787", "851")
"""Six municipalities in five districts: enough to cross every border, few enough to start fast."""
CANNOT_BE_HAD = (DamagedJar, NotFetched, KafkaFailed, PostgresFailed, DeadlinePassed, ModuleNotFoundError)
"""Why engines may be missing on somebody's machine. Anything else is a defect of ours, and fails."""
_numbers = count(1)

# A busy machine is no defect: nothing here fails because it took long.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[CHOICE] = choose()


CHOICE = pytest.StashKey[Choice]()


def pytest_report_header(config: pytest.Config) -> str:
    choice = config.stash[CHOICE]
    return f"engines: {choice.kind}, because {choice.reason}"


@pytest.fixture(scope="session")
def running(pytestconfig: pytest.Config) -> Iterator[Running]:
    """The engines, for the whole session."""
    try:
        found = start(pytestconfig.stash[CHOICE])
    except CANNOT_BE_HAD as error:
        if os.environ.get("CI") or os.environ.get("SOCIALSOG_TESTS_ON"):
            raise
        pytest.skip(f"Kafka or PostgreSQL cannot be had here: {type(error).__name__}: {error}")
    yield found
    found.stop()


def new_system(running: Running, state: Path, settings: Mapping[str, str] | None = None) -> System:
    """A system of its own on the session's engines, not started yet. As containers there is only one, at its own place."""
    if running.compose is not None:
        return ComposeSystem(running.compose, MUNICIPALITIES, running.engines)
    namespace = f"t{os.getpid()}x{next(_numbers)}"
    return System(state, namespace, MUNICIPALITIES, running.engines, settings=settings)


@pytest.fixture
def make_store(running: Running, tmp_path: Path) -> Iterator[Callable[[str], OwnedStore]]:
    """Stores of services on fresh schemas of one namespace, with the simulated clock at the start of 2026-W38."""
    system = new_system(running, tmp_path)
    system.prepare_tables()
    opened: list[OwnedStore] = []

    def make(service: str) -> OwnedStore:
        store = OwnedStore(system, service)
        opened.append(store)
        return store

    yield make
    for store in opened:
        store.close()
