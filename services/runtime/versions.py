"""The version of a service's tables: which migrations this code needs, and whether the database has them.

Migrations lie beside the tables' owner: `services/<name>/migrations/<name>_0002_<what>.py`, and those of the tables that every
service has in `services/runtime/migrations/`. Each folder is one unbranched line, so its last file names its head, and a newer
database serves older code: a schema must be at least where its code is, never exactly there.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from sqlalchemy.exc import ProgrammingError

from services.runtime.checks import mends
from services.runtime.database import Store
from services.runtime.errors import Fatal, describe, is_transient
from services.runtime.patience import until_answered

RUNTIME = "runtime"
"""The line of the tables that every service has."""
SERVICES_FOLDER = Path(__file__).parents[1]


def folder(line: str) -> Path:
    """Where the migrations of a line (a service, or `runtime`) lie."""
    return SERVICES_FOLDER / line / "migrations"


def head(line: str) -> str:
    """The newest revision of a line, such as `intake_0002`."""
    return revision(max(path.stem for path in folder(line).glob(f"{line}_[0-9]*.py")))


def revision(stem: str) -> str:
    """The revision that a migration file's name begins with: line and number."""
    line, number, *_ = stem.split("_")
    return f"{line}_{number}"


def expected(service: str) -> frozenset[str]:
    """What a schema of this service must have reached: the heads of both lines. For `socialsog doctor` too."""
    return frozenset({head(service), head(RUNTIME)})


def behind(service: str, present: Iterable[str]) -> list[str]:
    """The expected revisions that a schema with these has not reached."""
    reached = dict(map(_split, present))
    return sorted(each for each in expected(service) if reached.get(_split(each)[0], 0) < _split(each)[1])


def beyond(service: str, present: Iterable[str]) -> list[str]:
    """Those of these revisions that this code does not know yet: a newer version has been here."""
    known = dict(map(_split, expected(service)))
    return sorted(each for each in present if _split(each)[1] > known.get(_split(each)[0], 0))


def _split(revision: str) -> tuple[str, int]:
    line, number = revision.rsplit("_", 1)
    return line, int(number)


def check(store: Store) -> None:
    """Raise Fatal, which says what to do, where the tables are older than this code."""
    try:
        with store.transaction() as transaction:
            present = transaction.execute("SELECT version_num FROM alembic_version").scalars().all()
    except ProgrammingError:  # no such table, or none that we may see
        present = []
    if missing := behind(store.service, present):
        older = f"the tables of {store.service} are older than this version ({', '.join(missing)})"
        raise Fatal(f"{older}: run {mends.MIGRATE}")


def wait_for_tables(store: Store, deadline_s: float = 60) -> None:
    """The same, once the database answers. Raises Fatal after the deadline."""
    try:
        until_answered(partial(check, store), is_transient, deadline_s)
    except Exception as error:
        if not is_transient(error):
            raise
        raise Fatal(f"no PostgreSQL for {store.service} ({describe(error)}): start it, or set DATABASE_URL") from None
