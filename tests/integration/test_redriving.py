"""A dead letter of an old version that is redriven after the new one was applied changes nothing: through the operator's door, at
services as their mains compose them, on a real PostgreSQL.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from kafka.consumer.fetcher import ConsumerRecord
from litestar.testing import TestClient
from msgspec.structs import replace
from sqlalchemy import text

from deploy.provision.postgres import declarations
from deploy.system import System
from deploy.testing import Running
from events import topics
from events.candidate import Candidate
from events.case import Case
from events.decision import Decision, Residence
from events.envelope import Envelope
from events.evidence import Evidence
from events.topics import Topic
from services.deduplication import main as deduplication
from services.notification import main as notification
from services.runtime.consumer import apply
from services.runtime.dead_letters import bury_message
from services.runtime.http import application
from services.runtime.service import Service, operator_doors
from tests.conftest import new_system
from tests.notification_samples import VIOLENCE, case, case_draft, key

AT = datetime(2026, 9, 21, 3, tzinfo=UTC)
COUNTED = {"dead_letter", "received", "outbox", "outbox_position"}
"""Tables in which it is right that a redriven message leaves its trace."""
MAINS = {"deduplication": deduplication.build, "notification": notification.build}


class Desk:
    """A service without Kafka: what comes is handed over or set aside by the test, the operator is at its door."""

    def __init__(self, system: System, name: str) -> None:
        settings = system.settings(name)
        self.service: Service = MAINS[name](settings)
        self.store = self.service.store
        self._tables = next(each.metadata.tables for each in declarations() if each.service == name)
        self._door = TestClient(application(settings, operator_doors(self.service), list))
        self._headers = {"authorization": f"Bearer {system.token('operator')}"}
        self._positions = 0

    def message(self, topic: Topic, subject: UUID, version: int, data: Any) -> ConsumerRecord:
        """As it would be polled."""
        self._positions = number = self._positions + 1
        subject_key = str(subject)
        envelope = Envelope(uuid4(), f"/{topic.writer}", topic.type, subject_key, AT, version, number, "", data)
        value = msgspec.json.encode(envelope)
        return ConsumerRecord(topic.name, 0, -1, number, 0, None, subject_key.encode(), value, [], None, -1, -1, -1)

    def hear(self, topic: Topic, subject: UUID, version: int, data: Any) -> None:
        """Apply an event as the consumer does."""
        message = self.message(topic, subject, version, data)
        subscription = next(each for each in self.service._subscriptions if each.topic == topic)
        with self.store.transaction() as transaction:
            apply(transaction, subscription, 0, [subscription.decoder.decode(message.value, message.key)])

    def set_aside(self, topic: Topic, subject: UUID, version: int, data: Any) -> None:
        """Make it a dead letter, for a reason that has passed since."""
        message = self.message(topic, subject, version, data)
        with self.store.transaction() as transaction:
            bury_message(transaction, topic.name, message, "Poison: not_today", 2)

    def redrive_the_only_one(self) -> None:
        """What `socialsog dead-letters redrive` does."""
        with self._door:
            (waiting,) = self._door.get("/dead-letters", headers=self._headers).json()
            answer = self._door.post(f"/dead-letters/{waiting['id']}/redrive", headers=self._headers)
            assert answer.status_code == 201, answer.text
            assert self._door.get("/dead-letters", headers=self._headers).json() == []

    def state(self) -> dict[str, list[Any]]:
        """All that it knows and has told; its audit entries and what is counted of messages are not among it."""
        queries = {name: f"SELECT to_jsonb(t) FROM {name} AS t ORDER BY t::text" for name in self._tables.keys() - COUNTED}
        queries["outbox"] = "SELECT payload FROM outbox WHERE topic NOT LIKE 'audit.%' ORDER BY topic, partition, position"
        with self.store.engine.connect() as connection:
            return {name: list(connection.execute(text(query)).scalars()) for name, query in queries.items()}

    def stale(self, topic: Topic) -> int:
        """How many messages of a topic were no news."""
        query = "SELECT sum(stale) FROM received WHERE topic = :name"
        with self.store.transaction() as transaction:
            return int(transaction.execute(query, {"name": topic.name}).scalar_one())


@pytest.fixture(scope="module")
def system(running: Running, tmp_path_factory: pytest.TempPathFactory) -> System:
    made = new_system(running, tmp_path_factory.mktemp("redriving"))
    made.prepare_tables()
    return made


@contextmanager
def desk(system: System, name: str) -> Iterator[Desk]:
    made = Desk(system, name)
    yield made
    made.store.close()


def candidate() -> Candidate:
    """What screening found of a child, with one piece of evidence of its own."""
    piece = replace(VIOLENCE, evidence_id=uuid4())
    return Candidate(uuid4(), uuid4(), "2026-W38", uuid4(), case_draft().adults[:1], [piece], [piece.evidence_id], "2026-1", [])


def only_case(desk: Desk, child: UUID) -> Case:
    """The newest fact about a child's case that deduplication has told."""
    payloads = desk.state()["outbox"]
    (*_, newest) = [found for each in payloads if (found := msgspec.json.decode(each, type=Envelope[Case]).data).child == child]
    return newest


def test_an_old_version_of_a_fact_is_stale(system: System) -> None:
    with desk(system, "deduplication") as at:
        found = candidate()
        piece = found.evidence[0]
        told = {
            version: Evidence(replace(piece, version=version, outcome=outcome), None, [])
            for version, outcome in ((2, "convicted"), (3, "acquitted"), (4, "convicted"))
        }
        at.hear(topics.CANDIDATE, found.candidate_id, 1, found)
        at.set_aside(topics.EVIDENCE, piece.evidence_id, 2, told[2])
        at.hear(topics.EVIDENCE, piece.evidence_id, 3, told[3])
        before, stale = at.state(), at.stale(topics.EVIDENCE)
        at.redrive_the_only_one()
        assert at.state() == before
        assert at.stale(topics.EVIDENCE) == stale + 1
        at.hear(topics.EVIDENCE, piece.evidence_id, 4, told[4])
        assert at.state() != before, "what is news still counts"


def test_an_old_decision_changes_no_verdict(system: System) -> None:
    with desk(system, "deduplication") as at:
        found = candidate()
        at.hear(topics.CANDIDATE, found.candidate_id, 1, found)
        asked, decided = only_case(at, found.child), uuid4()
        at.set_aside(topics.DECISION, decided, 2, decision(asked, "rejected"))
        at.hear(topics.DECISION, decided, 3, decision(asked, "approved"))
        before = at.state()
        at.redrive_the_only_one()
        assert at.state() == before
        at.hear(topics.DECISION, decided, 4, decision(asked, "rejected"))
        assert at.state() != before, "what is news still counts"


def decision(asked: Case, state: Any) -> Decision:
    """What a reviewer decided about the draft that a case asks for."""
    draft = asked.draft
    assert draft is not None
    return Decision(
        draft.draft_id, draft.version, asked.case_id, asked.child, draft.run_id, draft.week, draft.kind, state,
        "irrelevant" if state == "rejected" else None, [each.evidence_id for each in draft.new], [], draft.corrects, "0" * 64,
        Residence("101", False), "1470", "reviewer-1470", False, AT,
    )  # fmt: skip


def test_an_old_case_opens_no_draft_again(system: System) -> None:
    with desk(system, "notification") as at:
        at.set_aside(topics.CASE, key("case"), 1, case())
        at.hear(topics.CASE, key("case"), 2, case(case_draft(open=False)))
        before = at.state()
        assert [row["state"] for row in before["draft"]] == ["withdrawn"]
        at.redrive_the_only_one()
        assert at.state() == before
        at.hear(topics.CASE, key("case"), 3, case(case_draft(draft_id=key("next"))))
        assert at.state() != before, "what is news still counts"
