"""The ledger: from the databases, in one snapshot, whether everything that came in is accounted for.

Each schema has one view `ledger` of (week, measure, amount); the role `ledger_reader` reads these and nothing else.
*Balanced*: every equation holds, and no consumer has handled more than its producer wrote. *Complete*: besides, nothing is
on its way or waiting for anybody. The equations are those of `docs/decisions.md`; this file is their only code.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, create_engine, text

from events.topics import DOMAIN_SERVICES, declared
from services.runtime.settings import Settings

Counts = Mapping[str, int]

PARTITIONS: dict[str, tuple[str, ...]] = {
    "rows": ("rows_new", "rows_corrected", "rows_withdrawn", "rows_repeated", "rows_stale", "rows_quarantined"),
    "records": (
        "records_in_evidence",
        "records_not_counted",
        "records_waiting",
        "records_unidentifiable",
        "records_superseded",
        "records_withdrawn",
    ),
    "adults": ("adults_rule_met", "adults_rule_not_met", "adults_no_child", "adults_tie_excluded"),
    "candidates_arrived": (
        "candidates_first",
        "candidates_supplement",
        "candidates_folded",
        "candidates_nothing_new",
        "candidates_waiting",
    ),
    "drafts": (
        "drafts_composing",
        "drafts_waiting",
        "drafts_held",
        "drafts_approved",
        "drafts_rejected",
        "drafts_withdrawn",
    ),
    "approved": ("acknowledged", "sent", "refused", "failed", "suppressed", "returned", "pending"),
}
"""Each whole and the parts it must be the sum of."""

STEPS: tuple[tuple[str, str], ...] = (("candidates", "candidates_arrived"), ("drafts_asked", "drafts"), ("approvals", "approved"))
"""What one service gave and the next one has, of one week: never more, and equal once nothing is on the way."""

WAITING = ("records_waiting", "candidates_waiting", "drafts_composing", "drafts_waiting", "drafts_held", "sent", "pending")
"""What keeps a week from being complete."""


@dataclass(frozen=True)
class Handover:
    """One topic and one of its readers, over the whole life of the system."""

    topic: str
    reader: str
    written: int
    handled: int
    dead: int

    @property
    def on_the_way(self) -> int:
        """Written and neither handled nor set aside."""
        return self.written - self.handled - self.dead


@dataclass(frozen=True)
class WeekLedger:
    """The account of one week. `unbalanced` and `open` name what does not hold, in words."""

    week: str
    catalogue: str
    status: str
    missing_districts: list[str]
    automatic: int
    counts: dict[str, int]
    unbalanced: list[str]
    open: list[str]

    def document(self) -> dict[str, Any]:
        """The week as JSON: flags and every count by its name."""
        return {
            "week": self.week,
            "catalogue": self.catalogue,
            "status": self.status,
            "balanced": not self.unbalanced,
            "complete": not self.unbalanced and not self.open,
            "automatic_release": self.automatic > 0,
            "missing_districts": self.missing_districts,
            "unbalanced": self.unbalanced,
            "open": self.open,
            **self.counts,
        }


@dataclass(frozen=True)
class Measure:
    """One row of one schema's ledger view."""

    service: str
    week: str | None
    name: str
    amount: int


def read(settings: Settings) -> list[Measure]:
    """Every measure of every schema, in one snapshot, as the role that may read nothing else."""
    query = " UNION ALL ".join(
        f"SELECT '{service}' AS service, week, measure, amount FROM {settings.database_name(service)}.ledger"
        for service in DOMAIN_SERVICES
    )
    with _snapshot(settings) as connection:
        return [Measure(*row) for row in connection.execute(text(query))]


VITALS = "week IS NULL AND strpos(measure, ':') > 0"
"""The weekless measures `name:label`. From this alone the database sees what of a view it need not compute: counts over all
records and persons cost seconds at national size, and alarms are looked for every minute."""


BEHIND = "behind:"


def vitals(settings: Settings) -> tuple[datetime, list[Measure]]:
    """The weekless labelled measures of every schema in one snapshot, and when that was by the database's clock.

    Without what waits in an outbox for a municipality that is not served: no relay publishes it. Its letters are still awaited.
    """
    topics = {topic.name for topic in declared(settings.municipalities)}
    with _snapshot(settings) as connection:
        measures = [Measure(*row) for row in connection.execute(text(vitals_query(settings)))]
        found = [each for each in measures if not each.name.startswith(BEHIND) or _topic(each.name) in topics]
        return connection.execute(text("SELECT now()")).scalar_one(), found


def _topic(name: str) -> str:
    """The topic of a measure `behind:topic/partition`."""
    return name.removeprefix(BEHIND).rpartition("/")[0]


def vitals_query(settings: Settings) -> str:
    """SQL of the vitals, with the same columns as a measure."""
    return " UNION ALL ".join(
        f"SELECT '{service}' AS service, week, measure, amount FROM {settings.database_name(service)}.ledger WHERE {VITALS}"
        for service in DOMAIN_SERVICES
    )


@contextmanager
def _snapshot(settings: Settings) -> Iterator[Connection]:
    """One transaction in one snapshot, as the role that may read the ledger views and nothing else."""
    engine = create_engine(
        settings.database_url("ledger_reader"),
        isolation_level="REPEATABLE READ",
        hide_parameters=True,
        connect_args={"connect_timeout": 5},
    )
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def weeks(measures: Iterable[Measure]) -> list[WeekLedger]:
    """The account of each week that was run, in order."""
    measures = list(measures)
    by_week: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for measure in measures:
        if measure.week is not None:
            by_week[measure.week][_name(measure)] += measure.amount
    unbalanced, on_the_way = _transport(handovers(measures))
    run = sorted(week for week, counts in by_week.items() if counts.get("run_finished") or counts.get("run_braked"))
    return [_week(week, by_week[week], unbalanced, on_the_way) for week in run]


def _name(measure: Measure) -> str:
    arrived = measure.service == "deduplication" and measure.name == "candidates"
    return "candidates_arrived" if arrived else measure.name


def _week(week: str, counts: Counts, unbalanced: list[str], on_the_way: list[str]) -> WeekLedger:
    wrong, waiting = check(counts)
    labels: dict[str, list[str]] = defaultdict(list)
    for name in counts:
        prefix, colon, value = name.partition(":")
        if colon:
            labels[prefix].append(value)
    names = sorted({name for whole, parts in PARTITIONS.items() for name in (whole, *parts)} | set(counts))
    return WeekLedger(
        week,
        ",".join(labels["catalogue"]),
        "finished" if counts.get("run_finished") else "braked",
        sorted(labels["missing"]),
        counts.get("automatic", 0),
        {name: counts.get(name, 0) for name in names if ":" not in name},
        wrong + unbalanced,
        waiting + on_the_way,
    )


def check(counts: Counts) -> tuple[list[str], list[str]]:
    """What does not balance in these counts, and what is still open."""
    wrong = [
        f"{whole} {counts.get(whole, 0)} is not the sum of its parts {total}"
        for whole, parts in PARTITIONS.items()
        if counts.get(whole, 0) != (total := sum(counts.get(part, 0) for part in parts))
    ]
    gaps = {f"{given} to {taken}": counts.get(given, 0) - counts.get(taken, 0) for given, taken in STEPS}
    wrong += [f"{step}: {-gap} more than given" for step, gap in gaps.items() if gap < 0]
    waiting = [f"{step}: {gap} on the way" for step, gap in gaps.items() if gap > 0]
    waiting += [f"{name} {counts[name]}" for name in WAITING if counts.get(name, 0)]
    if not counts.get("run_finished"):
        waiting.append("run stopped by the brake")
    return wrong, waiting


def handovers(measures: Iterable[Measure]) -> list[Handover]:
    """What each writer wrote and each reading service handled, per topic."""
    amounts = {(measure.service, measure.name): measure.amount for measure in measures if measure.week is None}
    return [
        Handover(
            topic.name,
            reader,
            amounts.get((topic.writer, f"out:{topic.name}"), 0),
            amounts.get((reader, f"in:{topic.name}"), 0),
            amounts.get((reader, f"dead:{topic.name}"), 0),
        )
        for topic in declared(())
        for reader in topic.readers
        if reader in DOMAIN_SERVICES
    ]


def _transport(found: Iterable[Handover]) -> tuple[list[str], list[str]]:
    wrong, waiting = [], []
    for each in found:
        if each.on_the_way < 0:
            wrong.append(f"{each.topic} to {each.reader}: handled {-each.on_the_way} more than written")
        if each.on_the_way > 0:
            waiting.append(f"{each.topic} to {each.reader}: {each.on_the_way} on the way")
        if each.dead:
            waiting.append(f"{each.topic} to {each.reader}: {each.dead} dead letters")
    return wrong, waiting
