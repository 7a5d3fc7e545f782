"""First load: everybody in the register, then every district's history, until the last record is stored in screening."""

from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from events.topics import EXTRACT, RECORD
from services.simulator import reviewers
from tests.benchmarks import baselines
from tests.benchmarks.meter import Meter, spent_between
from tests.benchmarks.results import Figure, Results
from tests.benchmarks.sizes import Bench, hand_over
from tests.benchmarks.town import Town

REGISTER_TABLES = [("identity", name) for name in ("person", "address", "parent", "custody", "identity")]
HISTORY_TABLES = [("intake", "record"), ("screening", "record"), ("screening", "evidence")]

LEAST_OF_BARE = 0.5
"""Of the slower of bare Kafka and bare COPY."""


def register(town: Town, bench: Bench, meter: Meter, results: Results) -> None:
    """Load everybody; persons per second against COPY of the same rows into the same tables."""
    reviewers.approve_catalogue(town.doors)
    town.system.clock.move(bench.world.calendar.end(0))
    before = meter.cpu()
    hand_over([bench.register(1), bench.register(2)], town.settings.inbox)
    took = town.wait("register read", lambda: town.read_register() == 2)
    spent = spent_between(before, meter.cpu())
    with town.connect() as connection:
        _tidy(connection)
        bare, _ = baselines.copy_seconds(connection, REGISTER_TABLES)
    detail = {"persons per second": bench.world.persons / took, **_cpu(spent)}
    results.add(Figure("first load: register", took, "s", bare, "COPY of its tables", took / bare, detail=detail))


def history(town: Town, bench: Bench, meter: Meter, results: Results) -> None:
    """Read every district's first extract until all its records are stored in screening, against bare Kafka and bare COPY."""
    before = meter.cpu()
    hand_over(bench.extracts(0), town.settings.inbox)
    read = town.wait("history read", lambda: town.read_extracts() == len(bench.extracts(0)))
    took = read + town.wait("history stored", lambda: arrived(town))
    spent = spent_between(before, meter.cpu())
    rows = int(town.ask("SELECT sum(rows_done) FROM intake.extract"))
    detail = {"rows": rows, "intake done after, s": read, **_cpu(spent)}
    with town.connect() as connection:
        sample = baselines.messages(connection)
        kafka = baselines.median(lambda: baselines.kafka_rate(town.system.environment("intake"), sample))
        copied, stored = baselines.copy_seconds(connection, [("screening", "record")])
        bare, _ = baselines.copy_seconds(connection, HISTORY_TABLES)
    detail |= {"bare Kafka, rows/s": kafka, "bare COPY, rows/s": stored / copied}
    slower = min(kafka, stored / copied)
    ratio = rows / took / slower
    name = "bare Kafka" if slower == kafka else "bare COPY"
    goal, met = f"at least {LEAST_OF_BARE}", ratio >= LEAST_OF_BARE
    results.add(Figure("intake to screening", rows / took, "rows/s", slower, name, ratio, goal, met, detail))
    results.add(Figure("first load: history", took, "s", bare, "COPY of its tables", took / bare))


def _tidy(connection: "psycopg.Connection[Any]") -> None:
    """What PostgreSQL does by itself within a minute of such a load, done now: it belongs to none of the figures that follow."""
    for table in REGISTER_TABLES:
        connection.execute(SQL("VACUUM (ANALYZE) {}").format(Identifier(*table)))


def arrived(town: Town) -> bool:
    """Whether screening has everything that intake has published."""
    return town.arrived(EXTRACT.name, "intake", "screening") and town.arrived(RECORD.name, "intake", "screening")


def _cpu(spent: dict[str, float]) -> dict[str, float]:
    return {f"CPU s {name}": seconds for name, seconds in spent.items() if seconds >= 0.1}
