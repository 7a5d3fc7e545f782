"""Every metric of the system, declared in one place: name, help with its unit, labels. Nothing else may be exported.

Labels are bounded by the code, the catalogue of topics and the list of municipalities: never a person, a case or free text. With
several copies of a service each reports its own counters; what is read from the database is the same from each, so that
dashboards and alerts take the `max`.
"""

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

from events.topics import Topic

# They double every counter, for a moment that nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the one function that the library left without types

SECONDS = (0.005, 0.02, 0.1, 0.3, 1, 3, 10, 30, 120)
"""Bucket bounds of one batch in seconds: from a single message to the longest batch that the watchdog still waits for."""


@dataclass(frozen=True)
class Measured:
    """A gauge that is read from the database when somebody asks."""

    help: str
    labels: tuple[str, ...] = ()


MESSAGES = Counter("socialsog_messages", "Messages of a topic by fate: handled, stale, dead.", ("topic", "fate"), registry=None)
BATCH_SECONDS = Histogram(
    "socialsog_batch_seconds", "Seconds that one transaction of messages took.", ("topic",), buckets=SECONDS, registry=None
)
LAG = Gauge("socialsog_consumer_lag_messages", "Messages between our own offsets and the log ends.", ("topic",), registry=None)
PUBLISHED = Counter("socialsog_published", "Messages that the broker acknowledged to the relay.", ("topic",), registry=None)
PUBLISHED_AT = Gauge(
    "socialsog_published_timestamp_seconds", "When this copy's relay last published, in Unix seconds.", registry=None
)
RETRIES = Counter(
    "socialsog_retries", "Times that a part began again because the broker or database was away.", ("part",), registry=None
)
WORK = Counter("socialsog_work", "Work items by fate: done, again, postponed, superseded, dead.", ("kind", "fate"), registry=None)
LEASE = Gauge("socialsog_lease_held", "1 where this copy holds the lease.", ("name",), registry=None)
PERIODIC_AT = Gauge(
    "socialsog_periodic_timestamp_seconds",
    "When this copy last did a repeated action, in Unix seconds.",
    ("name",),
    registry=None,
)
HTTP = Counter("socialsog_http_requests", "Requests by door and HTTP status.", ("method", "door", "status"), registry=None)
DISK_FREE = Gauge("socialsog_disk_free_ratio", "Share of the disk that is free, 0 to 1.", ("place",), registry=None)
CERTIFICATE_ENDS = Gauge(
    "socialsog_certificate_end_timestamp_seconds",
    "Until when the certificate is good that this copy shows, in Unix seconds.",
    ("name",),
    registry=None,
)

IN_PROCESS = (
    *(MESSAGES, BATCH_SECONDS, LAG, PUBLISHED, PUBLISHED_AT, RETRIES, WORK, LEASE, PERIODIC_AT, HTTP, DISK_FREE),
    CERTIFICATE_ENDS,
)
"""Counted where it happens; made without the library's global registry, so that this tuple is all there is."""

FROM_DATABASE: Mapping[str, Measured] = {
    "socialsog_outbox_waiting_messages": Measured("Messages committed and not yet published.", ("topic",)),
    "socialsog_dead_letters": Measured("Dead letters that wait for a person.", ("origin",)),
    "socialsog_work_waiting": Measured("Pieces of work that wait.", ("kind",)),
    "socialsog_work_overdue_seconds": Measured("Seconds by which the oldest due piece of work is overdue.", ("kind",)),
    "socialsog_clock_offset_seconds": Measured("Seconds by which this machine's clock is ahead of the database's."),
    "socialsog_extracts": Measured("The districts' extracts by state.", ("state",)),
    "socialsog_covered_timestamp_seconds": Measured("Until when a district's extracts cover, in Unix seconds.", ("district",)),
    "socialsog_identities_waiting": Measured("Pseudonyms that wait for a clerk."),
    "socialsog_runs": Measured("Weekly runs by status.", ("status",)),
    "socialsog_run_timestamp_seconds": Measured("When the newest weekly run began, in Unix seconds."),
    "socialsog_run_candidates": Measured("Children that the newest weekly run found."),
    "socialsog_looked_timestamp_seconds": Measured(
        "When runs and alarms were last looked at to the end, in Unix seconds.", ("name",)
    ),
    "socialsog_drafts": Measured("Drafts by state.", ("state",)),
    "socialsog_draft_oldest_timestamp_seconds": Measured("When the oldest undecided draft was asked for, in Unix seconds."),
    "socialsog_deliveries": Measured("Deliveries by municipality and state.", ("municipality", "state")),
    "socialsog_unanswered_timestamp_seconds": Measured("When the oldest letter without a receipt was sent, in Unix seconds."),
    "socialsog_sending_stopped": Measured("1 while an operator holds all sending."),
    "socialsog_audit_entries": Measured("Entries of the audit log."),
    "socialsog_audit_waiting": Measured("Audit entries that wait for an earlier one of their source."),
    "socialsog_alarm": Measured("Alarms that stand, by kind and level.", ("kind", "level")),
}
"""Read by `measures`, at most one query a service and some seconds."""


def registry() -> CollectorRegistry:
    """A registry of all that is counted in this process, and of the process itself (memory, processor, open files)."""
    made = CollectorRegistry()
    for metric in IN_PROCESS:
        made.register(metric)
    ProcessCollector(registry=made)
    return made


def watch_disk(place: str, folder: Path) -> None:
    """Export how much of the disk under a folder is free, whenever somebody asks; nothing where it cannot be reached."""

    def free() -> float:
        try:
            usage = shutil.disk_usage(folder)
        except OSError:
            return math.nan
        return usage.free / usage.total

    DISK_FREE.labels(place).set_function(free)


def label(topic: Topic) -> str:
    """The label of a topic: its name, except that all municipalities share one."""
    return topic.event if topic.name.startswith("municipality.") else topic.name


def declared() -> dict[str, tuple[str, ...]]:
    """Every sample name that may be exported, with its labels."""
    found = {name: metric.labels for name, metric in FROM_DATABASE.items()}
    for metric in IN_PROCESS:
        for family in metric.describe():
            found |= _samples(family.name, family.type, metric._labelnames)
    return found | dict.fromkeys(PROCESS, ())


def _samples(name: str, kind: str, labels: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    if kind == "counter":
        return {f"{name}_total": labels}
    if kind == "histogram":
        return {f"{name}_bucket": (*labels, "le"), f"{name}_sum": labels, f"{name}_count": labels}
    return {name: labels}


PROCESS = ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_start_time_seconds")
"""What prometheus_client tells of a Linux process, as far as dashboards use it."""
