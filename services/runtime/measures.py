"""Gauges from a service's own tables: one query however many metrics, read when somebody asks and believed for some seconds.

A service adds its own rows with `Service.measure(sql)`: (metric, label, label, value), with NULL for a label that is not there.
"""

import time
from collections.abc import Iterator, Sequence
from threading import Lock

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from events.topics import Topic
from services.runtime.database import Store
from services.runtime.errors import is_transient
from services.runtime.metrics import FROM_DATABASE

BELIEVED_SECONDS = 5.0
"""Several scrapers, or an impatient one, cost one query in this time."""

RUNTIME = """
    SELECT 'socialsog_outbox_waiting_messages' AS metric, topic AS a, NULL::text AS b, sum(last - published)::float8 AS value
        FROM outbox_position WHERE topic = ANY(:topics) AND topic NOT LIKE 'municipality.%' GROUP BY topic
    UNION ALL SELECT 'socialsog_outbox_waiting_messages', 'municipality.notification.v1', NULL, sum(last - published)::float8
        FROM outbox_position WHERE topic = ANY(:topics) AND topic LIKE 'municipality.%' HAVING count(*) > 0
    UNION ALL SELECT 'socialsog_dead_letters',
        CASE WHEN topic LIKE 'municipality.%' THEN 'municipality.receipt.v1' ELSE coalesce(topic, origin) END,
        NULL, count(*)::float8 FROM dead_letter WHERE redriven_at IS NULL GROUP BY 2
    UNION ALL SELECT 'socialsog_work_waiting', kind, NULL, count(*)::float8 FROM work GROUP BY kind
    UNION ALL SELECT 'socialsog_work_overdue_seconds', kind, NULL,
        greatest(0, extract(epoch FROM clock_timestamp() - min(next_attempt_at)))::float8 FROM work GROUP BY kind
    UNION ALL SELECT 'socialsog_clock_offset_seconds', NULL, NULL, extract(epoch FROM clock_timestamp())::float8
"""
"""Each from a table that is small when all is well. Of the outbox only the topics of now: for a municipality that is not served
nothing is published."""

Row = tuple[str, str | None, str | None, float]


class Measures(Collector):
    """Reads the gauges of one service, which `writes` these topics. A database that is away gives none: that is an alert of its
    own."""

    def __init__(self, store: Store, writes: Sequence[Topic], queries: Sequence[str] = ()) -> None:
        self.store = store
        self.topics = [topic.name for topic in writes]
        self.query = " UNION ALL ".join((RUNTIME, *queries))
        self._lock = Lock()
        self._rows: list[Row] = []
        self._read = float("-inf")

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing beforehand: registering must not ask the database."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families that have rows now."""
        families: dict[str, GaugeMetricFamily] = {}
        for name, *labels, value in self.rows():
            declared = FROM_DATABASE[name]
            family = families.setdefault(name, GaugeMetricFamily(name, declared.help, labels=declared.labels))
            family.add_metric([label or "" for label in labels[: len(declared.labels)]], value)
        yield from families.values()

    def rows(self) -> list[Row]:
        """The newest rows, at most some seconds old."""
        with self._lock:
            if time.monotonic() - self._read > BELIEVED_SECONDS:
                self._rows = self._ask()
                self._read = time.monotonic()
            return self._rows

    def _ask(self) -> list[Row]:
        began = time.time()
        try:
            with self.store.transaction() as transaction:
                rows = transaction.execute(self.query, {"topics": self.topics}).all()
        except Exception as error:
            if not is_transient(error):
                raise
            return []
        here = (began + time.time()) / 2
        return [
            (metric, a, b, here - value if metric == "socialsog_clock_offset_seconds" else value)
            for metric, a, b, value in rows
            if value is not None
        ]
