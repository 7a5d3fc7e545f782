"""Delivery on a real PostgreSQL: one approved letter is sent once, stopped when it must be, and answered once."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, import_key
from sqlalchemy.exc import OperationalError

from events import topics
from events.case import Case, CaseDraft
from events.decision import Decision, Residence
from events.http.identity import ChildResidence
from events.http.notification import FrozenLetter
from events.municipal import Notification, Receipt
from services.delivery import store as tables
from services.delivery.checks import unserved
from services.delivery.dispatch import Answered, Journal, Sent
from services.delivery.handlers import JOURNAL, SEND, on_cases, on_decisions, take_receipt
from services.delivery.sealing import Keys
from services.delivery.work import OFFER_AGAIN, Sender
from services.runtime.checks import moving
from services.runtime.clock import FileClock
from services.runtime.errors import Poison
from services.runtime.events import Event
from services.runtime.measures import Measures
from services.runtime.relay import written_by
from services.runtime.work import Worker
from tests.owned_store import OwnedStore

FACT = {
    "number": 1, "adult": "Voksen 1", "occurred_on": "2026-09-15", "district": "Fyns Politi", "text": "Simpel vold",
    "role": "charged", "role_text": "sigtet", "outcome": "open", "outcome_text": "verserende", "registered_on": "2026-09-16",
    "source": "Fyns Politi", "child_present": False,
}  # fmt: skip
CONTENT = json.dumps(
    {
        "title": "Kære kommune",
        "child": {"name": "Ada Testesen", "cpr": "610118-0000", "protected": False},
        "adults": [],
        "new_facts": [FACT],
        "changed_facts": [],
    },
    ensure_ascii=False,
)
"""As much of a letter as delivery looks at."""
DIGEST = hashlib.sha256(CONTENT.encode()).hexdigest()


class Desk:
    """Delivery with its doors replaced by what the test says."""

    def __init__(self, store: OwnedStore, keys: Path) -> None:
        self.store = store
        self.child = uuid4()
        self.key = ECKey.generate_key("P-256")
        keys.mkdir(parents=True, exist_ok=True)
        (keys / "101.json").write_bytes(msgspec.json.encode(self.key.as_dict(private=False)))
        self.residence = ChildResidence(self.child, self.child, "resident", True, "101", False)
        self.others: dict[UUID, UUID] = {}  # who is somebody else, of those asked for beside the child
        self.content, self.digest = CONTENT, DIGEST
        self.meanwhile: Callable[[], None] = lambda: None
        self.keys = keys
        self.start("key")

    def start(self, ring: str, served: frozenset[str] = frozenset({"101", "751"})) -> None:
        """Begin anew, as after a restart, with this ring of journal keys and these municipalities."""
        self.journal = Journal(self.keys.parent / "dispatch", ring)
        self.sender = Sender(self.store, self._residence, self._letter, Keys(self.keys), self.journal, {}, served)
        self.worker = Worker(self.store, {SEND: self.sender.send, JOURNAL: self.sender.journal_answer})

    def _residence(self, children: list[UUID], at: datetime) -> list[ChildResidence]:
        others = [self.others.get(child, self.residence.canonical) for child in children[1:]]
        return [
            self.residence,
            *(
                msgspec.structs.replace(self.residence, child=child, canonical=now)
                for child, now in zip(children[1:], others, strict=True)
            ),
        ]

    def _letter(self, draft_id: UUID, version: int) -> FrozenLetter:
        self.meanwhile()
        return FrozenLetter(draft_id, version, self.digest, self.content)

    def decision(self, **changes: object) -> Decision:
        made = Decision(
            draft_id=uuid4(), draft_version=1, case_id=uuid4(), child=self.child, run_id=uuid4(), week="2026-W38", kind="first",
            state="approved", reason=None, included=[uuid4()], left_out=[], corrects=None, digest=DIGEST,
            residence=Residence("101", False), district="1470", actor="reviewer-1470", automatic=False, decided_at=None,
        )  # fmt: skip
        return msgspec.structs.replace(made, **changes)

    def approve(self, decision: Decision) -> None:
        with self.store.transaction() as transaction:
            on_decisions(transaction, [self._event(topics.DECISION, str(decision.draft_id), decision)])

    def newest(self, decision: Decision, version: int, *, is_open: bool = True) -> None:
        draft = CaseDraft(decision.draft_id, version, is_open, "first", decision.run_id, "2026-W38", [], [], [], [], None, [])
        with self.store.transaction() as transaction:
            on_cases(transaction, [self._event(topics.CASE, str(decision.case_id), Case(decision.case_id, self.child, draft))])

    def _event(self, topic: topics.Topic, key: str, data: object) -> "Event[object]":
        return Event(topic, uuid4(), key, 1, 1, self.store.clock.now(), key, data)

    def run(self) -> None:
        while self.worker.step():
            pass

    def states(self) -> list[tuple[str, str | None]]:
        with self.store.transaction() as transaction:
            return [(row.delivery.state, row.delivery.reason) for row in tables.every(transaction)]

    def messages(self, code: str = "101") -> list[Notification]:
        with self.store.transaction() as transaction:
            rows = tables.feed(transaction, code, 0, 100)
        return [msgspec.json.decode(row.document, type=Notification) for row in rows]

    def published(self, topic: str) -> int:
        with self.store.transaction() as transaction:
            return int(transaction.execute("SELECT count(*) FROM outbox WHERE topic = :topic", {"topic": topic}).scalar_one())

    def answer(self, message: Notification, status: str, municipality: str = "101", receipt: UUID | None = None) -> None:
        values = {"receipt_id": receipt or uuid4(), "message_id": message.message_id, "municipality": municipality}
        with self.store.transaction() as transaction:
            made = msgspec.convert({**values, "status": status, "reason": None, "at": self.store.clock.now()}, Receipt)
            take_receipt(transaction, made)


@pytest.fixture
def desk(make_store: Callable[[str], OwnedStore], tmp_path: Path) -> Desk:
    return Desk(make_store("delivery"), tmp_path / "public")


def test_an_approved_letter_is_sealed_for_its_municipality_and_sent_once(desk: Desk) -> None:
    decision = desk.decision()
    desk.approve(decision)
    desk.approve(decision)
    desk.run()
    assert desk.states() == [("sent", None)]
    (message,) = desk.messages()
    plain = jwe.decrypt_compact(
        message.content, import_key(desk.key.as_dict(private=True)), algorithms=["ECDH-ES+A256KW", "A256GCM"]
    )
    bundle = msgspec.json.decode(plain.plaintext or b"")
    assert (bundle["digest"], bundle["letter"]) == (DIGEST, CONTENT)
    assert desk.published("municipality.101.notification.v1") == 1
    known = {str(decision.draft_id), str(decision.case_id), str(decision.child), str(decision.run_id)}
    assert not any(value in msgspec.json.encode(message).decode() for value in known), "no id of ours leaves"


def test_a_newer_draft_stops_the_older_letter_also_when_it_arrives_while_it_is_sealed(desk: Desk) -> None:
    decision = desk.decision()
    desk.approve(decision)
    desk.meanwhile = lambda: desk.newest(decision, 2)
    desk.run()
    assert desk.states() == [("returned", "newer_version")]
    assert desk.messages() == []


def test_death_between_approval_and_sending_suppresses(desk: Desk) -> None:
    desk.residence = msgspec.structs.replace(desk.residence, standing="dead")
    desk.approve(desk.decision())
    desk.run()
    assert desk.states() == [("suppressed", "dead")]


def test_other_bytes_than_the_approved_ones_are_never_sent(desk: Desk) -> None:
    desk.content = CONTENT.replace("Kære", "Kaere")
    desk.approve(desk.decision())
    desk.run()
    assert desk.states() == [("returned", "digest_differs")]


def test_a_letter_that_no_topic_takes_comes_before_a_person_again(desk: Desk) -> None:
    for size in (760_000, 790_000):  # sealed, they are a third larger
        desk.content = CONTENT.replace("Kære", "x" * size)
        desk.digest = hashlib.sha256(desk.content.encode()).hexdigest()
        desk.approve(desk.decision(digest=desk.digest))
        desk.run()
    assert set(desk.states()) == {("sent", None), ("returned", "too_large")}
    assert [type(each) for each in desk.journal.read()] == [Sent], "what did not leave is not in the journal"


def test_stopped_sending_holds_letters_and_loses_none(desk: Desk) -> None:
    with desk.store.transaction() as transaction:
        tables.set_brake(transaction, True, "maintenance")
    desk.approve(desk.decision())
    desk.run()
    assert desk.states() == [("pending", None)]
    with desk.store.transaction() as transaction:
        tables.set_brake(transaction, False, "resumed")
        transaction.execute("UPDATE work SET next_attempt_at = clock_timestamp()")
    desk.run()
    assert desk.states() == [("sent", None)]


def test_the_first_stop_ever_waits_for_a_letter_that_is_just_leaving(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    write = desk.journal.append
    waited: list[str] = []

    def stop_while_it_leaves(entry: Sent | Answered) -> None:
        with desk.store.transaction() as transaction:
            transaction.execute("SET LOCAL lock_timeout = '50ms'")
            with pytest.raises(OperationalError, match="lock timeout") as stopping, transaction.connection.begin_nested():
                tables.set_brake(transaction, True, "error_suspected")
        waited.append(str(stopping.value))
        write(entry)

    monkeypatch.setattr(desk.journal, "append", stop_while_it_leaves)
    desk.approve(desk.decision())
    desk.run()
    assert desk.states() == [("sent", None)]
    assert len(waited) == 1
    with desk.store.transaction() as transaction:
        tables.set_brake(transaction, True, "error_suspected")
    with desk.store.transaction() as transaction:
        assert tables.stopped(transaction)


def test_without_a_key_it_waits_visibly(desk: Desk) -> None:
    desk.residence = msgspec.structs.replace(desk.residence, municipality="751")
    desk.approve(desk.decision())
    desk.run()
    assert desk.states() == [("pending", None)]
    with desk.store.transaction() as transaction:
        assert transaction.execute("SELECT last_error FROM work").scalars().all() == ["no_key"]


def test_receipts_count_once_and_only_from_the_municipality_that_was_told(desk: Desk) -> None:
    desk.approve(desk.decision())
    desk.run()
    (message,) = desk.messages()
    with pytest.raises(Poison):
        desk.answer(message, "accepted", municipality="751")
    same = uuid4()
    desk.answer(message, "accepted", receipt=same)
    audited = desk.published("audit.delivery.v1")
    desk.answer(message, "accepted", receipt=same)
    desk.answer(message, "received")
    assert desk.states() == [("acknowledged", None)]
    assert desk.published("audit.delivery.v1") == audited + 1, "the repeated receipt is not counted, the late one is"


def test_what_nobody_answers_is_offered_again_with_the_same_id(desk: Desk) -> None:
    desk.approve(desk.decision())
    desk.run()
    desk.sender.offer_again()
    assert desk.published("municipality.101.notification.v1") == 1
    clock = desk.store.clock
    assert isinstance(clock, FileClock)
    clock.move(clock.now() + OFFER_AGAIN + timedelta(minutes=1))
    desk.sender.offer_again()
    desk.sender.offer_again()
    assert desk.published("municipality.101.notification.v1") == 2
    (message,) = desk.messages()
    desk.answer(message, "received")
    clock.move(clock.now() + OFFER_AGAIN + timedelta(minutes=1))
    desk.sender.offer_again()
    assert desk.published("municipality.101.notification.v1") == 2


def test_a_letter_to_who_is_no_longer_served_is_offered_to_nobody_and_not_forgotten(desk: Desk) -> None:
    desk.approve(desk.decision())
    desk.run()
    topic, clock = "municipality.101.notification.v1", desk.store.clock
    assert isinstance(clock, FileClock)
    assert unserved(desk.store, {"101", "751"}).level == "ok"
    clock.move(clock.now() + OFFER_AGAIN + timedelta(minutes=1))
    desk.start("key", served=frozenset({"751"}))
    desk.sender.offer_again()
    desk.sender.offer_everything_unanswered()
    assert desk.published(topic) == 1
    found = unserved(desk.store, {"751"})
    assert (found.level, found.what) == ("warn", "1 letters wait for municipalities that are not served: 101")
    assert found.mend.startswith("SOCIALSOG_MUNICIPALITIES=THOSE_OF_NOW,101 make stop start  # ")
    desk.start("key")
    desk.sender.offer_again()
    assert desk.published(topic) == 2, "served again"
    (message,) = desk.messages()
    for answer, level in (("received", "warn"), ("accepted", "ok")):
        desk.answer(message, answer)
        assert unserved(desk.store, {"751"}).level == level


def test_what_waits_for_who_is_no_longer_served_is_no_relay_that_stands_still(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.approve(desk.decision())
    desk.run()
    monkeypatch.setattr(moving, "PAUSE_SECONDS", 0.01)
    with desk.store.transaction() as transaction:
        transaction.execute("UPDATE outbox_position SET published = last WHERE topic NOT LIKE 'municipality.%'")
    for codes, level, waiting in ((("101", "751"), "bad", 1), (("751",), "ok", 0)):
        writes = written_by("delivery", codes)
        assert moving.relay(desk.store, writes).level == level
        rows = Measures(desk.store, writes).rows()
        waits = [value for name, topic, _, value in rows if name == "socialsog_outbox_waiting_messages"]
        assert sum(waits) == waiting


def test_a_retraction_follows_the_letter_it_retracts(desk: Desk) -> None:
    desk.approve(desk.decision())
    desk.run()
    with desk.store.transaction() as transaction:
        told = tables.every(transaction)[0].delivery.notification_id
    desk.residence = msgspec.structs.replace(desk.residence, municipality="751", standing="emigrated")
    desk.approve(desk.decision(kind="retraction", corrects=told))
    desk.run()
    first, second = desk.messages()
    assert second.refers_to == first.message_id


def test_a_letter_that_was_corrected_since_is_awaited_by_nobody(desk: Desk) -> None:
    def awaited() -> datetime | None:
        with desk.store.transaction() as transaction:
            gauges = {row[0]: row[3] for row in transaction.execute(tables.GAUGES) if row[1] is None}
            ledger = f"SELECT min(amount) FROM ({tables.LEDGER_VIEW}) AS ledger WHERE measure LIKE 'unanswered_since:%'"
            since = transaction.execute(ledger).scalar_one()
        assert gauges["socialsog_unanswered_timestamp_seconds"] == since, "gauge and ledger agree"
        return None if since is None else datetime.fromtimestamp(since, UTC)

    assert awaited() is None
    clock = desk.store.clock
    assert isinstance(clock, FileClock)
    desk.approve(desk.decision())
    desk.run()
    assert awaited() == clock.now()
    with desk.store.transaction() as transaction:
        told = tables.every(transaction)[0].delivery.notification_id
    clock.move(clock.now() + timedelta(hours=1))
    desk.approve(desk.decision(kind="retraction", corrects=told))
    desk.run()
    assert awaited() == clock.now(), "the retraction alone"
