"""Brings the tables of a schema that exists to what the code declares, while the version before still serves (Alembic).

Every migration is a transaction of its own and waits for a lock only briefly: whoever waits for a table's lock makes everybody
after it wait too. Where it cannot have one it gives way and tries again. New schemas are made as declared and stamped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tenacity
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from deploy.provision.kafka import ProvisioningFailed
from services.runtime.checks import mends
from services.runtime.versions import RUNTIME, folder

VERSIONS = "alembic_version"
LOCK_MS = 300
"""Longest wait for a lock, and hence the longest that everybody else waits behind it."""
PAUSE_SECONDS = 0.5
PATIENCE_SECONDS = 120
"""Longer than any batch holds its locks, shorter than a person's patience with a command that says nothing."""


def _gave_way(error: BaseException) -> bool:
    return isinstance(error, OperationalError) and isinstance(error.orig, LockNotAvailable)


@dataclass(frozen=True)
class Migrations:
    """The migrations of one service's schema: its own line and the runtime's. `more`: further folders (tests)."""

    service: str
    more: Sequence[Path] = ()

    @property
    def script(self) -> ScriptDirectory:
        """Alembic's view of the files."""
        own = folder(self.service)
        return ScriptDirectory(own, version_locations=[own, folder(RUNTIME), *self.more])

    @property
    def baseline(self) -> tuple[str, ...]:
        """What a schema has that was made before there were migrations."""
        return (f"{self.service}_0001", f"{RUNTIME}_0001")

    def stamp(self, connection: Connection, revisions: Iterable[str] = ("heads",)) -> None:
        """Write down that the schema in the search path has these revisions, the newest unless given."""
        context, script = MigrationContext.configure(connection), self.script
        for revision in revisions:
            context.stamp(script, revision)

    def upgrade(self, url: str, schema: str) -> list[str]:
        """Do what this schema lacks, each as a transaction of its own; what was done. Raises ProvisioningFailed."""
        done: list[str] = []
        options = f"-c search_path={schema} -c lock_timeout={LOCK_MS}"
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args={"options": options})
        tries = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_gave_way),
            wait=tenacity.wait_fixed(PAUSE_SECONDS),
            stop=tenacity.stop_after_delay(PATIENCE_SECONDS),
        )
        try:
            for attempt in tries:
                with attempt, engine.connect() as connection:
                    self._begin(connection, schema)
                    self._run(connection, done)
        except tenacity.RetryError:
            raise ProvisioningFailed(
                f"{schema}: a migration got no lock within {PATIENCE_SECONDS} s because of a long transaction "
                f"(see pg_stat_activity); what is done stays done: run {mends.MIGRATE} again"
            ) from None
        return done

    def _begin(self, connection: Connection, schema: str) -> None:
        """One migrator at a time; and what was never written down is written down."""
        connection.execute(text("SELECT pg_advisory_lock(hashtext(:schema))"), {"schema": schema})
        known = connection.execute(text("SELECT to_regclass(:versions)"), {"versions": VERSIONS}).scalar()
        if known is None and connection.execute(text("SELECT to_regclass('outbox')")).scalar():
            self.stamp(connection, self.baseline)
        connection.commit()

    def _run(self, connection: Connection, done: list[str]) -> None:
        script = self.script
        options = {
            "transaction_per_migration": True,
            "fn": lambda heads, _: script._upgrade_revs("heads", heads),
            "on_version_apply": [lambda step, **_: done.extend(step.up_revision_ids)],
        }
        context = MigrationContext.configure(connection, opts=options)
        with Operations.context(context):
            context.run_migrations()
