"""One schema of screening for a whole module of tests, emptied before each: making one takes longer than most of these tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.testing import Running
from services.runtime.database import Store
from services.screening.store import metadata
from tests.conftest import new_system


@contextmanager
def opened(running: Running, folder: Path) -> Iterator[Store]:
    """Screening's store in a system of its own."""
    system = new_system(running, folder)
    system.prepare()
    store = Store(system.settings("screening"), system.clock)
    yield store
    store.close()


def empty(store: Store) -> None:
    """Forget everything."""
    with store.transaction() as transaction:
        for table in metadata.sorted_tables:
            transaction.execute(table.delete())
