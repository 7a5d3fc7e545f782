"""One schema of screening for a whole module of tests, emptied before each: making one takes longer than most of these tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.testing import Running
from tests.conftest import new_system
from tests.owned_store import OwnedStore


@contextmanager
def opened(running: Running, folder: Path) -> Iterator[OwnedStore]:
    """Screening's store in a system of its own."""
    system = new_system(running, folder)
    system.prepare()
    store = OwnedStore(system, "screening")
    yield store
    store.close()
