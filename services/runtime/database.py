"""PostgreSQL: one engine per process, one transaction per batch of effects."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Dialect, Engine, create_engine, event

from services.runtime import tracing
from services.runtime.clock import Clock
from services.runtime.outbox import write_publications
from services.runtime.settings import Settings
from services.runtime.transaction import Transaction

STATEMENT_TIMEOUT_MS = 600_000
"""Ten minutes: longer than the national screening takes, short enough that a forgotten lock is noticed."""

IDLE_TIMEOUT_MS = 60_000
"""A minute: whoever died behind a broken line leaves a session that holds its locks for hours, and everybody waits for it. No
transaction of ours does anything but talk to the database, except the weekly run, which asks for more (`screening/search.py`)."""

OPTIONS = (
    f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c idle_in_transaction_session_timeout={IDLE_TIMEOUT_MS} "
    "-c jit=off -c plan_cache_mode=force_custom_plan"
)
"""Our tables grow from nothing within minutes: a plan that was kept from when one was empty reads all of it for each row.
Compiling queries that take milliseconds costs more than it saves."""

KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
"""Half a minute until a line that broke without a word is known to be broken (seconds; the last in milliseconds)."""

CONNECTIONS, AT_A_PINCH = 8, 4
"""Kept open, of those that were ever needed at once, for each has to learn the tables; and how many more there may be."""


def _log_in(settings: Settings, dialect: Dialect, record: Any, arguments: list[Any], named: dict[str, Any]) -> None:
    """Each new connection logs in with the password of that moment, so that a rotated one is used at once."""
    named["password"] = settings.secret(f"postgres-{settings.service}")


class Store:
    """A service's database: opens transactions and wakes whoever waits for their commits."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.service = settings.service
        self.clock = clock
        self.engine: Engine = create_engine(
            settings.database_url(settings.service),
            pool_size=CONNECTIONS,
            max_overflow=AT_A_PINCH,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"connect_timeout": 5, "options": OPTIONS, **KEEPALIVE},
        )
        self.on_commit: list[Callable[[], None]] = []
        event.listen(self.engine, "do_connect", partial(_log_in, settings))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction: commits at the end, rolls back on any error."""
        with self.engine.begin() as connection:
            transaction = Transaction(self.service, connection, self.clock.now())
            yield transaction
            write_publications(transaction)
        tracing.published(transaction.traced)
        if transaction.publications or transaction.enqueued:
            for wake in self.on_commit:
                wake()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
