"""audit on a real PostgreSQL: every entry once and gapless per source, whatever order it comes in; questions and alterations."""

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from litestar.testing import TestClient
from sqlalchemy.exc import ProgrammingError

from deploy.testing import Running
from events.alias import Alias
from events.audit import AuditEntry
from events.envelope import Envelope
from events.topics import ALIAS, AUDIT
from services.audit import api, handlers, queries
from services.audit.domain import canonical, seal, verify
from services.audit.queries import Filters
from services.runtime.database import Store
from services.runtime.errors import Poison
from services.runtime.events import Event
from services.runtime.http import application
from services.runtime.settings import load

AT = datetime(2026, 9, 21, 5, 0, tzinfo=UTC)
TOKENS = {"auditor-1": "auditor", "operator-1": "operator"}
Entry = Event[AuditEntry]


@pytest.fixture
def store(make_store: Callable[[str], Store]) -> Store:
    return make_store("audit")


@pytest.fixture
def owner(store: Store, running: Running) -> Iterator[psycopg.Connection[Any]]:
    """The administrator, in audit's schema (it is named like the role)."""
    url = running.engines.admin_of(running.engines.database)
    with psycopg.connect(url, autocommit=True, options=f"-c search_path={store.engine.url.username}") as connection:
        yield connection


@pytest.fixture
def doors(store: Store, tmp_path: Path) -> Iterator[TestClient[Any]]:
    """The doors as uvicorn serves them, with the guard in front."""
    principals = [
        {"principal": name, "kind": kind, "sha256": hashlib.sha256(name.encode()).hexdigest()} for name, kind in TOKENS.items()
    ]
    (tmp_path / "credentials.json").write_bytes(msgspec.json.encode(principals))
    settings = load("audit", {"SOCIALSOG_SECRETS": str(tmp_path)})
    with TestClient(application(settings, api.routes(store), list)) as client:
        yield client


def event(number: int, source: str = "intake", **changes: Any) -> Entry:
    values: dict[str, Any] = {
        "source": source,
        "verb": "collection",
        "action": "extract_read",
        "purpose": "screening",
        "actor": f"service:{source}",
        "at": AT,
        "subjects": [],
        "detail": {"rows": number},
    }
    return Event(AUDIT[source], uuid4(), source, number, number, AT, source, AuditEntry(**(values | changes)))


def append(store: Store, events: Sequence[Entry]) -> None:
    with store.transaction() as transaction:
        handlers.on_entries(transaction, events)


def log(store: Store) -> list[dict[str, Any]]:
    return list(queries.stream(store.transaction, 1_000_000))


def scalar(store: Store, query: str) -> Any:
    with store.transaction() as transaction:
        return transaction.execute(query).scalar_one()


def get(doors: TestClient[Any], path: str, who: str = "auditor-1", **query: Any) -> Any:
    return doors.get(path, params=query, headers={"authorization": f"Bearer {who}"})


def merge(store: Store, pseudonym: UUID, canonical: UUID) -> None:
    alias = Event(ALIAS, uuid4(), str(pseudonym), 1, 1, AT, "", Alias(pseudonym, canonical, "identified"))
    with store.transaction() as transaction:
        handlers.on_aliases(transaction, [alias])


def test_any_order_split_and_repetition_gives_the_same_entries_in_order(store: Store) -> None:
    chance = random.Random(7)
    messages = [event(number, source) for source in ("intake", "identity") for number in range(1, 41)] * 2
    chance.shuffle(messages)
    while messages:
        batch = [messages.pop() for _ in range(min(len(messages), chance.randint(1, 7)))]
        for source in ("intake", "identity"):
            if part := [each for each in batch if each.topic is AUDIT[source]]:
                append(store, part)
    rows = log(store)
    for source in ("intake", "identity"):
        assert [row["number"] for row in rows if row["source"] == source] == list(range(1, 41))
    assert [row["position"] for row in rows] == list(range(1, 81))
    assert verify(rows).ok
    assert api.verify_log(store).ok
    assert scalar(store, "SELECT count(*) FROM waiting") == 0


def test_what_comes_ahead_of_a_gap_waits_and_is_shown(store: Store, doors: TestClient[Any]) -> None:
    append(store, [event(1), event(2), event(4), event(5)])
    assert len(log(store)) == 2
    states = {state["source"]: state for state in get(doors, "/sources").json()}
    assert states["intake"] == {"source": "intake", "appended": 2, "waiting": 2, "gap": 3}
    assert states["delivery"] == {"source": "delivery", "appended": 0, "waiting": 0, "gap": None}
    assert get(doors, "/entries").json()["waiting"] == 2
    append(store, [event(3)])
    assert [row["number"] for row in log(store)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("number", [2, 4])
def test_another_content_under_a_known_number_never_passes_in_silence(store: Store, number: int) -> None:
    append(store, [event(1), event(2), event(4)])
    append(store, [event(number)])
    with pytest.raises(Poison, match="other_content"):
        append(store, [event(number, action="something_else")])
    assert [row["number"] for row in log(store)] == [1, 2]


def test_a_payload_that_names_another_source_is_poison(store: Store) -> None:
    forged = Event(AUDIT["intake"], uuid4(), "intake", 1, 1, AT, "", event(1, "identity").data)
    with pytest.raises(Poison, match="source_disagrees"):
        append(store, [forged])


CHANGES = ("UPDATE log SET number = 9", "DELETE FROM log", "TRUNCATE log", "DELETE FROM subject")


def test_the_service_has_no_right_to_change_the_log_and_its_owner_is_stopped(
    store: Store, owner: "psycopg.Connection[Any]"
) -> None:
    append(store, [event(1, subjects=[uuid4()])])
    for statement in CHANGES:
        with pytest.raises(ProgrammingError, match="permission denied for table"), store.transaction() as transaction:
            transaction.execute(statement)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only ever added to"):
            owner.execute(statement)


TAMPERINGS: dict[LiteralString, tuple[int, str]] = {
    "UPDATE log SET entry = jsonb_set(entry, '{actor}', '\"nobody\"') WHERE position = 3": (3, "chain_broken"),
    "DELETE FROM log WHERE position = 3": (4, "position_missing"),
    "DELETE FROM log WHERE position = 5": (5, "end_missing"),
    "DELETE FROM subject WHERE position = 4": (4, "persons_disagree"),
    "INSERT INTO subject SELECT gen_random_uuid(), 2": (2, "persons_disagree"),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_whoever_gets_past_the_trigger_is_found_out(
    store: Store, doors: TestClient[Any], owner: "psycopg.Connection[Any]", tampering: LiteralString
) -> None:
    append(store, [event(number, subjects=[uuid4()]) for number in range(1, 6)])
    assert get(doors, "/verify").json()["ok"]
    owner.execute("SET session_replication_role = replica")
    owner.execute(tampering)
    verdict = get(doors, "/verify").json()
    assert (verdict["ok"], verdict["first_bad"], verdict["reason"]) == (False, *TAMPERINGS[tampering])


def test_every_filter_finds_what_it_names_and_nothing_else(store: Store) -> None:
    case, run = uuid4(), uuid4()
    different: list[dict[str, Any]] = [
        {"case_id": case},
        {"run_id": run},
        {"week": "2026-W38"},
        {"actor": "reviewer-1461"},
        {"municipality": "751"},
        {"verb": "disclosure"},
        {"at": datetime(2026, 9, 28, 3, tzinfo=UTC)},
    ]
    append(store, [event(number, **changes) for number, changes in enumerate(different, 1)])
    later = datetime(2026, 9, 27, tzinfo=UTC)
    asked: dict[int, Filters] = {
        1: Filters(case=case),
        2: Filters(run=run),
        3: Filters(week="2026-W38"),
        4: Filters(actor="reviewer-1461"),
        5: Filters(municipality="751"),
        6: Filters(verb="disclosure"),
        7: Filters(since=later),
    }
    with store.transaction() as transaction:
        for number, filters in asked.items():
            rows, more = queries.page(transaction, filters, 0, 10)
            assert ([row["number"] for row in rows], more) == ([number], False)
        assert len(queries.page(transaction, Filters(until=later), 0, 10)[0]) == 6
        assert queries.page(transaction, Filters(case=case, run=run), 0, 10)[0] == []


def test_a_person_is_found_under_every_pseudonym_that_was_ever_theirs(store: Store, doors: TestClient[Any]) -> None:
    old, new, other = uuid4(), uuid4(), uuid4()
    append(store, [event(1, subjects=[old, other]), event(2, subjects=[new]), event(3, subjects=[other])])
    merge(store, old, new)
    for asked in (old, new):
        assert [row["number"] for row in get(doors, "/entries", person=asked).json()["entries"]] == [1, 2]
    merge(store, old, old)
    assert [row["number"] for row in get(doors, "/entries", person=old).json()["entries"]] == [1]


def test_pages_join_without_loss_and_stay_bounded(store: Store, doors: TestClient[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    append(store, [event(number, subjects=[uuid4() for _ in range(number)]) for number in range(1, 31)])
    monkeypatch.setattr(queries, "PAGE_SUBJECTS", 50)
    after, seen = 0, []
    while after is not None:
        page = get(doors, "/entries", after=after, limit=7).json()
        assert 1 <= len(page["entries"]) <= 7
        assert sum(len(row["subjects"]) for row in page["entries"][:-1]) <= 50
        seen += page["entries"]
        after = page["next"]
    assert [row["position"] for row in seen] == list(range(1, 31))
    assert verify(seen).ok


def test_nothing_is_asked_that_could_not_be_sealed(store: Store, doors: TestClient[Any]) -> None:
    assert get(doors, "/entries", after=2**53 - 1).status_code == 200
    assert get(doors, "/entries", after=10**16).status_code == 400
    with store.transaction() as transaction:
        (entry,) = transaction.execute("SELECT payload FROM outbox WHERE topic = 'audit.audit.v1'").scalars()
    data = msgspec.json.decode(bytes(entry), type=Envelope[AuditEntry]).data
    assert data.detail["after"] == 2**53 - 1
    canonical(seal(data, "audit", 1))


def test_asking_is_itself_an_entry(store: Store, doors: TestClient[Any]) -> None:
    person, case = uuid4(), uuid4()
    append(store, [event(1, subjects=[person])])
    assert get(doors, "/entries", person=person, case=case, verb="collection", since="2026-01-01T00:00:00Z").status_code == 200
    assert get(doors, "/verify").status_code == 200
    with store.transaction() as transaction:
        payloads = (
            transaction.execute("SELECT payload FROM outbox WHERE topic = 'audit.audit.v1' ORDER BY position").scalars().all()
        )
    query, check = [msgspec.json.decode(bytes(payload))["data"] for payload in payloads]
    assert (query["verb"], query["action"], query["actor"]) == ("consultation", "audit_query", "auditor-1")
    assert (query["subjects"], query["case_id"]) == ([str(person)], str(case))
    assert query["detail"] == {
        "filter_verb": "collection",
        "filter_actor": "any",
        "filter_since": "2026-01-01T00:00:00.000000Z",
        "filter_until": "any",
        "after": 0,
        "found": 0,
    }
    assert (check["action"], check["detail"]["head"]) == ("audit_verify", log(store)[-1]["chain"])


def test_a_question_that_cannot_be_recorded_is_not_answered(
    store: Store, doors: TestClient[Any], owner: "psycopg.Connection[Any]"
) -> None:
    append(store, [event(1)])
    owner.execute("ALTER TABLE outbox RENAME TO outbox_gone")
    answer = get(doors, "/entries")
    assert answer.status_code == 500
    assert "entries" not in answer.json()


REFUSED: list[dict[str, Any]] = [
    {"persn": "751"},
    {"actor": "Jens Hansen"},
    {"actor": "0101904321"},
    {"municipality": "Aarhus"},
    {"week": "2026-38"},
    {"since": "2026-01-01T00:00:00"},
    {"limit": 1_001},
    {"verb": "reading"},
    {"person": "0101904321"},
]


def test_a_filter_of_another_form_is_refused_and_not_repeated(doors: TestClient[Any]) -> None:
    for query in REFUSED:
        answer = get(doors, "/entries", **query)
        assert answer.status_code == 400, query
        assert not any(str(value) in answer.text for value in query.values())


def test_only_an_auditor_gets_in(doors: TestClient[Any]) -> None:
    for path in ("/entries", "/verify", "/sources"):
        assert get(doors, path).status_code == 200
        assert get(doors, path, who="operator-1").status_code == 403
        assert get(doors, path, who="nobody").status_code == 401


def test_the_ledger_counts_entries_and_those_waiting(store: Store, owner: "psycopg.Connection[Any]") -> None:
    append(store, [event(1), event(2), event(5)])
    measures = dict(owner.execute("SELECT measure, amount FROM ledger WHERE week IS NULL").fetchall())
    assert (measures["entries"], measures["waiting"]) == (2, 1)
