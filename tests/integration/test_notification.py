"""Notification on a real PostgreSQL, through its own doors: composing, deciding, freezing, and who sees what."""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy.exc import DBAPIError

from deploy.secrets import Secrets
from deploy.system import System
from deploy.testing import Running
from events import topics
from events.audit import AuditEntry
from events.case import Case, CaseDraft, ToldLetter
from events.decision import Decision
from events.envelope import Envelope
from events.http.identity import UnmaskAnswer, UnmaskRequest
from events.http.notification import FrozenLetter
from events.letter import Letter
from services.notification.api import routes
from services.notification.desk import Desk
from services.notification.handlers import COMPOSE, on_case
from services.notification.main import build
from services.notification.store import LEDGER_VIEW
from services.notification.work import Composer
from services.runtime.database import Store
from services.runtime.events import Event
from services.runtime.http import application
from services.runtime.settings import load
from services.runtime.work import Worker
from tests.notification_samples import (
    CHILD,
    DISTURBANCE,
    MOTHER,
    NOW,
    PEOPLE,
    VIOLENCE,
    case,
    case_draft,
    key,
    unmask,
)
from tests.owned_store import OwnedStore

HERE, ELSEWHERE = "reviewer-1461", "reviewer-1460"
DRAFT = key("draft")


class Notification:
    """The service without Kafka: events go in by hand, the outbox shows what would go out."""

    def __init__(self, store: Store, secrets: Secrets) -> None:
        self.store = store
        self.secrets = secrets
        self.answer: Callable[[UnmaskRequest], UnmaskAnswer] = unmask
        settings = load("notification", {"SOCIALSOG_SECRETS": str(secrets.folder), "SOCIALSOG_ENVIRONMENT": "embedded"})
        app: Litestar = application(settings, routes(Desk(store)), list)
        self.http = TestClient(app)

    def receive(self, *cases: tuple[int, Case]) -> None:
        with self.store.transaction() as transaction:
            on_case(
                transaction,
                [Event(topics.CASE, uuid4(), str(each.case_id), version, 1, NOW, "", each) for version, each in cases],
            )

    def work(self, *, automatic: bool = False) -> None:
        composer = Composer(self.store, lambda request: self.answer(request), automatic=automatic)
        worker = Worker(self.store, {COMPOSE: composer.compose})
        while worker.step():
            pass

    def ask(self, draft: CaseDraft | None = None, version: int = 1, *, automatic: bool = False) -> None:
        self.receive((version, case(draft)))
        self.work(automatic=automatic)

    def get(self, principal: str, path: str, status: int = 200) -> Any:
        return self._call(principal, "GET", path, None, status)

    def post(self, principal: str, path: str, body: Any, status: int = 200) -> Any:
        return self._call(principal, "POST", path, body, status)

    def _call(self, principal: str, method: str, path: str, body: Any, status: int) -> Any:
        headers = {"authorization": f"Bearer {self.secrets.read(f'http-{principal}')}"}
        response = self.http.request(method, path, json=body, headers=headers)
        assert response.status_code == status, response.text
        return response.json()

    def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get(HERE, f"/drafts/{DRAFT}")
        return found

    def approve(self, status: int = 200, principal: str = HERE, **changes: Any) -> Any:
        seen = self.shown()
        body = {"version": seen["version"], "digest": seen["digest"]} | changes
        return self.post(principal, f"/drafts/{DRAFT}/approve", body, status)

    def outbox(self, topic: topics.Topic) -> list[bytes]:
        with self.store.transaction() as transaction:
            statement = "SELECT payload FROM outbox WHERE topic = :topic ORDER BY partition, position"
            return [bytes(row.payload) for row in transaction.execute(statement, {"topic": topic.name})]

    def decisions(self) -> list[tuple[int, Decision]]:
        found = [msgspec.json.decode(each, type=Envelope[Decision]) for each in self.outbox(topics.DECISION)]
        return [(each.aggregateversion, each.data) for each in found]

    def audited(self) -> list[AuditEntry]:
        payloads = self.outbox(topics.AUDIT["notification"])
        return [msgspec.json.decode(each, type=Envelope[AuditEntry]).data for each in payloads]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self.store.transaction() as transaction:
            return [tuple(row) for row in transaction.execute(statement)]

    def ledger(self) -> dict[str, int]:
        return dict(self.rows(f"SELECT measure, amount FROM ({LEDGER_VIEW}) AS ledger WHERE week = '2026-W38'"))


@pytest.fixture(scope="module")
def system(running: Running, tmp_path_factory: pytest.TempPathFactory) -> System:
    """One system for all tests of this file: making rights and topics takes longer than any of them."""
    made = System(tmp_path_factory.mktemp("notification"), f"n{os.getpid()}", ("751",), running.engines)
    made.prepare()
    return made


@pytest.fixture
def service(system: System) -> Iterator[Notification]:
    store = OwnedStore(system, "notification")
    store.empty()
    made = Notification(store, system.secrets)
    with made.http:
        yield made
    store.close()


def test_a_draft_is_composed_seen_approved_and_frozen(service: Notification) -> None:
    service.ask()
    (line,) = service.get(HERE, "/drafts?state=waiting")
    assert (line["draft_id"], line["municipality"], line["new"]) == (str(DRAFT), "751", 2)
    assert "Signe" not in str(line)
    seen = service.shown()
    assert "Åge Øksemager" in seen["html"]
    assert seen["letter"]["child"]["cpr"] == "710916-1234"
    assert seen["rules"] == ["Gentagen vold"]
    assert [each["number"] for each in seen["evidence"]] == [1, 2]
    assert service.approve() == {"draft_id": str(DRAFT), "version": 1, "state": "approved", "digest": seen["digest"]}
    frozen = service.get("delivery", f"/letters/{DRAFT}/1")
    content = msgspec.convert(frozen, FrozenLetter).content
    assert hashlib.sha256(content.encode()).hexdigest() == frozen["digest"] == seen["digest"]
    assert msgspec.json.decode(content, type=Letter).html == seen["html"]
    (first, waiting), (second, approved) = service.decisions()
    assert (first, waiting.state, second, approved.state) == (1, "waiting", 2, "approved")
    assert (approved.actor, approved.automatic, approved.digest) == (HERE, False, seen["digest"])
    assert approved.included == [VIOLENCE.evidence_id, DISTURBANCE.evidence_id]
    assert (approved.residence.municipality, approved.district) == ("751", "1461")


def test_each_look_and_each_decision_is_audited_with_the_person_behind_it(service: Notification) -> None:
    service.ask()
    service.get(HERE, "/drafts")
    service.approve()
    service.get("delivery", f"/letters/{DRAFT}/1")
    entries = service.audited()
    assert [(each.verb, each.action, each.actor) for each in entries] == [
        ("combination", "letter_composed", "service:notification"),
        ("consultation", "drafts_listed", HERE),
        ("consultation", "draft_shown", HERE),
        ("alteration", "draft_approved", HERE),
        ("consultation", "letter_fetched", "delivery"),
    ]
    assert all(CHILD in each.subjects for each in entries)
    assert entries[2].case_id == key("case")
    assert MOTHER in entries[2].subjects


def test_nothing_clear_leaves_the_schemas_own_tables(service: Notification) -> None:
    service.ask()
    body = {"version": 1, "reason": "irrelevant", "comment": "Signe Syntetisk bor ikke mere der"}
    service.post(HERE, f"/drafts/{DRAFT}/reject", body)
    out = [each.decode() for topic in (topics.DECISION, topics.AUDIT["notification"]) for each in service.outbox(topic)]
    out += [str(row) for row in service.rows("SELECT * FROM work UNION ALL SELECT * FROM work")]
    for clear in ("Syntetisk", "Øksemager", "\\u00d8ksemager", "710916", "7109161234", "bor ikke"):
        assert not [text for text in out if clear in text], clear
    assert service.rows("SELECT action, reason, comment FROM review") == [("rejected", "irrelevant", body["comment"])]
    assert service.decisions()[-1][1].reason == "irrelevant"


def test_another_districts_reviewer_finds_nothing(service: Notification) -> None:
    service.ask()
    assert service.get(ELSEWHERE, "/drafts") == []
    service.get(ELSEWHERE, f"/drafts/{DRAFT}", 404)
    digest = service.shown()["digest"]
    for action, body in (
        ("approve", {"version": 1, "digest": digest}),
        ("reject", {"version": 1, "reason": "irrelevant"}),
        ("hold", {"version": 1, "reason": "other"}),
        ("leave-out", {"version": 1, "evidence_id": str(VIOLENCE.evidence_id), "reason": "irrelevant"}),
    ):
        service.post(ELSEWHERE, f"/drafts/{DRAFT}/{action}", body, 404)
    assert service.shown()["state"] == "waiting"


def test_only_reviewers_see_letters_that_wait_and_only_delivery_fetches_frozen_ones(service: Notification) -> None:
    service.ask()
    for principal in ("operator", "auditor", "delivery", "deduplication", "municipality-751", "approver", "clerk"):
        service.get(principal, f"/drafts/{DRAFT}", 403)
        service.get(principal, "/drafts", 403)
        service.post(principal, f"/drafts/{DRAFT}/approve", {"version": 1, "digest": ""}, 403)
    for principal in (HERE, "operator", "auditor", "identity", "municipality-751"):
        service.get(principal, f"/letters/{DRAFT}/1", 403)
    service.get("delivery", f"/letters/{DRAFT}/1", 404)


def test_an_older_version_or_digest_cannot_be_approved(service: Notification) -> None:
    service.ask()
    first = service.shown()
    assert "digest" in service.approve(409, digest="0" * 64)["detail"]
    service.ask(case_draft(version=2, new=[VIOLENCE]), 2)
    refusal = service.approve(409, version=1, digest=first["digest"])
    assert "version 2 has taken its place" in refusal["detail"]
    assert service.shown()["digest"] != first["digest"]
    service.approve()
    assert "already approved" in service.approve(409)["detail"]
    service.get("delivery", f"/letters/{DRAFT}/1", 404)


def test_a_child_that_gets_another_pseudonym_meanwhile_is_written_about_under_that_one(service: Notification) -> None:
    now_called = key("the same child")
    service.ask()
    service.receive((2, case(case_draft(version=2), child=now_called)))
    service.work()
    service.approve()
    assert [decision.child for _, decision in service.decisions()] == [CHILD, now_called, now_called]
    assert service.rows("SELECT child FROM letter") == [(now_called,)]
    assert service.audited()[-1].subjects == [now_called]


def test_leaving_out_gives_another_letter_of_the_same_version(service: Notification) -> None:
    service.ask()
    before = service.shown()
    body = {"version": 1, "evidence_id": str(VIOLENCE.evidence_id), "reason": "wrong_person", "comment": "det var naboen"}
    assert service.post(HERE, f"/drafts/{DRAFT}/leave-out", body)["state"] == "composing"
    service.approve(409)
    service.work()
    after = service.shown()
    assert after["version"] == before["version"]
    assert after["digest"] != before["digest"]
    assert after["letter"]["letter_id"] == before["letter"]["letter_id"]
    assert "Øksemager" not in after["html"]
    assert [(each["number"], each["left_out"]) for each in after["evidence"]] == [(None, "wrong_person"), (1, None)]
    last = body | {"evidence_id": str(DISTURBANCE.evidence_id)}
    assert "reject the draft" in service.post(HERE, f"/drafts/{DRAFT}/leave-out", last, 409)["detail"]
    service.approve()
    decision = service.decisions()[-1][1]
    assert (decision.included, decision.left_out) == ([DISTURBANCE.evidence_id], [VIOLENCE.evidence_id])


def test_composing_again_gives_the_same_bytes(service: Notification) -> None:
    service.ask()
    digest = service.shown()["digest"]
    service.rows("UPDATE draft SET state = 'composing', content = NULL RETURNING 1")
    with service.store.transaction() as transaction:
        transaction.enqueue(COMPOSE, str(DRAFT), {"draft_id": str(DRAFT), "version": 1})
    service.work()
    assert service.shown()["digest"] == digest


def test_a_held_draft_stays_visible_and_can_be_decided(service: Notification) -> None:
    service.ask()
    service.post(HERE, f"/drafts/{DRAFT}/hold", {"version": 1, "reason": "needs_clarification"})
    (line,) = service.get(HERE, "/drafts")
    assert (line["state"], line["reason"]) == ("held", "needs_clarification")
    service.approve()
    assert [decision.state for _, decision in service.decisions()] == ["waiting", "held", "approved"]


def test_a_case_that_closes_withdraws_what_waits_and_its_text(service: Notification) -> None:
    service.ask()
    service.receive((2, case(case_draft(open=False))))
    assert service.rows("SELECT state, content FROM draft") == [("withdrawn", None)]
    assert service.decisions()[-1][1].state == "withdrawn"
    assert service.audited()[-1].verb == "erasure"
    assert service.shown()["html"] == ""


def test_events_in_one_batch_repeated_or_late_end_the_same(service: Notification) -> None:
    older, newer = case(), case(case_draft(draft_id=key("next")))
    service.receive((1, older), (2, newer))
    service.receive((2, newer), (1, older))
    service.work()
    states = service.rows("SELECT draft_id, state FROM draft ORDER BY case_version")
    assert states == [(DRAFT, "withdrawn"), (key("next"), "waiting")]
    assert service.ledger() == {"drafts": 2, "drafts_waiting": 1, "drafts_withdrawn": 1}


def test_an_approved_letter_never_changes(service: Notification) -> None:
    service.ask()
    service.approve()
    with pytest.raises(DBAPIError, match="InsufficientPrivilege"):
        service.rows("UPDATE letter SET content = 'x' RETURNING 1")
    statement = """
        INSERT INTO letter SELECT draft_id, 2, case_id, child, week, gen_random_uuid(), digest, content || ' ', told, told_ids,
            actor, automatic, approved_at FROM letter
    """
    with pytest.raises(DBAPIError, match="letter_digest"):
        service.rows(statement)


def test_a_correction_tells_what_was_told_and_not_what_was_only_approved(service: Notification) -> None:
    service.ask()
    first = service.shown()["letter"]["letter_id"]
    service.approve()
    after = msgspec.structs.replace(VIOLENCE, version=2, outcome="acquitted")
    asked = {"draft_id": key("correction"), "kind": "correction", "new": [], "changed": [after], "corrects": key("notification")}
    really = {"told": [VIOLENCE], "letters": [ToldLetter(DRAFT, 1)]}
    for version in (1, 2):  # the first one is approved, fails on its way and comes back
        service.ask(case_draft(**asked, **really, version=version), version + 1)
        shown = service.get(HERE, f"/drafts/{key('correction')}")
        (changed,) = shown["letter"]["changed_facts"]
        assert (changed["before"]["outcome"], changed["after"]["outcome"]) == ("open", "acquitted")
        assert [each["letter_id"] for each in shown["letter"]["earlier_letters"]] == [first]
        service.post(HERE, f"/drafts/{key('correction')}/approve", {"version": version, "digest": shown["digest"]})


def test_without_a_municipality_those_who_know_the_adults_decide(service: Notification) -> None:
    def nowhere(request: UnmaskRequest) -> UnmaskAnswer:
        answer = unmask(request)
        return msgspec.structs.replace(answer, child=msgspec.structs.replace(answer.child, municipality=None))

    service.answer = nowhere
    service.ask(automatic=True)
    assert service.get(HERE, "/drafts") == []
    for reviewer in ("reviewer-1462", "reviewer-1463"):
        assert [each["state"] for each in service.get(reviewer, "/drafts")] == ["waiting"], "never released automatically"


def test_automatic_release_says_so_and_never_repeats_itself(service: Notification) -> None:
    service.ask(automatic=True)
    decision = service.decisions()[-1][1]
    assert (decision.state, decision.actor, decision.automatic) == ("approved", "automatic", True)
    assert service.ledger() == {"drafts": 1, "drafts_approved": 1, "approvals": 1, "automatic": 1}
    service.ask(case_draft(version=2), 2, automatic=True)
    assert service.shown()["state"] == "waiting", "what delivery gave back needs a person"


def test_identity_that_does_not_answer_for_everybody_is_a_dead_letter_and_visible(service: Notification) -> None:
    service.answer = lambda request: UnmaskAnswer(unmask(request).child, [], [PEOPLE[MOTHER]])
    service.ask()
    assert service.rows("SELECT origin, reason FROM dead_letter") == [("work:compose", "Poison: unmask_incomplete")]
    (line,) = service.get("operator", "/drafts/summary")
    assert (line["state"], line["drafts"], line["districts"]) == ("composing", 1, [])


def test_the_summary_names_nobody(service: Notification) -> None:
    service.ask()
    for principal in ("operator", "auditor"):
        (line,) = service.get(principal, "/drafts/summary")
        assert set(line) == {"week", "state", "districts", "drafts", "oldest_hours"}
    service.get(HERE, "/drafts/summary", 403)


def test_a_wrong_request_is_refused_without_repeating_what_was_in_it(service: Notification) -> None:
    service.ask()
    for body in ({"version": 1, "reason": "Signe Syntetisk"}, {"version": "Syntetisk", "reason": "irrelevant"}, {"version": 1}):
        answer = service.post(HERE, f"/drafts/{DRAFT}/reject", body, 400)
        assert "Syntetisk" not in str(answer)
    service.get(HERE, "/drafts?state=nonsense", 400)


def test_the_service_is_composed_and_says_when_release_is_automatic(system: System, caplog: pytest.LogCaptureFixture) -> None:
    settings = dataclasses.replace(system.settings("notification"), automatic_release=True)
    build(settings).store.close()
    assert "automatic_release_is_on" in caplog.messages


def test_many_cases_in_one_batch(service: Notification) -> None:
    def family(number: int) -> Case:
        child: UUID = key(f"child {number}")
        return case(case_draft(draft_id=key(f"draft {number}")), f"case {number}", child)

    service.receive(*((1, family(number)) for number in range(50)))
    service.work()
    assert len(service.get(HERE, "/drafts?state=waiting")) == 50
