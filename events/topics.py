"""One declaration per topic: who writes it, who reads it, its key, partitions and retention.

Provisioning, Kafka rights, AsyncAPI, the docs table and the services' own subscriptions are all derived from here. One
writer per topic, always. Partition counts are part of the contract (positions count per partition), so changing one is a
new version of the topic.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from events.alias import Alias
from events.audit import AuditEntry
from events.candidate import Candidate
from events.case import Case
from events.decision import Decision
from events.delivery import Delivery
from events.evidence import Evidence
from events.extract import Extract
from events.municipal import Notification, Receipt
from events.municipalities import MUNICIPALITIES
from events.record import Record
from events.run import Run

DOMAIN_SERVICES = ("intake", "identity", "screening", "deduplication", "notification", "delivery", "audit")
"""The services that keep state and write audit entries, in the order of the way of the data."""

WEEK_MS = 7 * 24 * 3600 * 1000
FOREVER = -1

LARGEST_MESSAGE_BYTES = 1_048_576
"""What every topic takes and no producer of ours exceeds: Kafka's own default, which a cluster may have changed."""
LARGEST_FACT_BYTES = LARGEST_MESSAGE_BYTES - 4_096
"""Of a fact with its envelope; key and what Kafka adds are far smaller than the rest. A larger one is refused where it is
written: an outbox that held one would stand still before it for ever.
"""


@dataclass(frozen=True)
class Topic:
    """A topic and its rights. `retention_ms` -1 keeps for ever; `republish` false means the relay never repeats it blindly.

    `event` names the kind of fact where many topics carry the same; it is the topic's name unless given.
    """

    name: str
    data: type[Any]
    key: str
    writer: str
    readers: tuple[str, ...]
    partitions: int = 1
    retention_ms: int = 8 * WEEK_MS
    compacted: bool = False
    republish: bool = True
    event: str = ""

    @property
    def type(self) -> str:
        """CloudEvents `type`: of what kind the fact is, whichever service or municipality the topic belongs to."""
        return f"dk.socialsog.{self.event or self.name}"

    def partition(self, key: str) -> int:
        """Partition of a key, stable for the life of the topic."""
        return crc32(key.encode()) % self.partitions


RECORD = Topic("intake.record.v1", Record, "record_id", "intake", ("screening",), partitions=4)
EXTRACT = Topic("intake.extract.v1", Extract, "extract_id", "intake", ("screening", "monitoring"))
ALIAS = Topic(
    "identity.alias.v1",
    Alias,
    "pseudonym",
    "identity",
    ("screening", "deduplication", "audit", "monitoring"),
    partitions=2,
    retention_ms=FOREVER,
    compacted=True,
)
EVIDENCE = Topic("screening.evidence.v1", Evidence, "evidence_id", "screening", ("deduplication", "monitoring"), partitions=2)
CANDIDATE = Topic("screening.candidate.v1", Candidate, "candidate_id", "screening", ("deduplication", "monitoring"), partitions=2)
RUN = Topic("screening.run.v1", Run, "run_id", "screening", ("deduplication", "monitoring"))
CASE = Topic("deduplication.case.v1", Case, "case_id", "deduplication", ("notification", "delivery", "monitoring"), partitions=2)
DECISION = Topic(
    "notification.decision.v1",
    Decision,
    "draft_id",
    "notification",
    ("deduplication", "delivery", "monitoring"),
    partitions=2,
)
DELIVERY = Topic("delivery.state.v1", Delivery, "notification_id", "delivery", ("deduplication", "monitoring"), partitions=2)

FACTS: tuple[Topic, ...] = (RECORD, EXTRACT, ALIAS, EVIDENCE, CANDIDATE, RUN, CASE, DECISION, DELIVERY)
AUDIT: dict[str, Topic] = {
    service: Topic(f"audit.{service}.v1", AuditEntry, "source", service, ("audit", "monitoring"), event="audit.entry.v1")
    for service in DOMAIN_SERVICES
}


def municipal_notification(code: str) -> Topic:
    """The topic on which one municipality's case system gets its notifications."""
    return Topic(
        f"municipality.{code}.notification.v1",
        Notification,
        "message_id",
        "delivery",
        (f"municipality-{code}",),
        republish=False,
        event="municipality.notification.v1",
    )


def municipal_receipt(code: str) -> Topic:
    """The topic on which one municipality's case system answers. Outside parties have no version: an inbox of ids instead."""
    return Topic(
        f"municipality.{code}.receipt.v1",
        Receipt,
        "message_id",
        f"municipality-{code}",
        ("delivery",),
        event="municipality.receipt.v1",
    )


def municipal(codes: Iterable[str]) -> list[Topic]:
    """Both topics of each of these municipalities."""
    return [topic for code in codes for topic in (municipal_notification(code), municipal_receipt(code))]


def declared(codes: Iterable[str] | None = None) -> list[Topic]:
    """Every topic of the system, for these municipalities (all 98 unless given)."""
    chosen = [municipality.code for municipality in MUNICIPALITIES] if codes is None else codes
    return [*FACTS, *AUDIT.values(), *municipal(chosen)]
