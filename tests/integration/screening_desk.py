"""One schema of screening for a whole module of tests, emptied before each: making one takes longer than most of these tests."""

from collections.abc import Iterator

import pytest

from deploy.testing import Running
from events import weeks
from tests.conftest import new_system
from tests.owned_store import OwnedStore
from tests.screening_samples import W38, World


@pytest.fixture(scope="module")
def shared(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnedStore]:
    """Screening's store in a system of its own."""
    system = new_system(running, tmp_path_factory.mktemp("screening"))
    system.prepare()
    store = OwnedStore(system, "screening")
    yield store
    store.close()


@pytest.fixture
def world(shared: OwnedStore) -> World:
    """An empty service with an approved catalogue, in its first week."""
    shared.empty()
    world = World(shared)
    world.now(weeks.start(W38))
    world.approve()
    return world
