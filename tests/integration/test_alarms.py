"""Alarms from the real ledger views: each is raised, escalated and cleared, each told once, by several copies, over restarts."""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from litestar.testing import TestClient
from sqlalchemy import create_engine, insert, text

from deploy.system import System
from deploy.testing import Running
from deploy.waiting import wait_until
from events import weeks
from events.audit import AuditEntry
from events.topics import AUDIT, municipal_notification
from services import ledger
from services.delivery.store import metadata as delivery_tables
from services.notification.store import DRAFT
from services.runtime.http import application
from services.runtime.lease import Lease
from services.runtime.settings import load
from services.screening import alarm_api, watch
from services.screening.domain.limits import Limits, Step
from services.screening.watch import Watch
from tests.conftest import new_system
from tests.owned_store import OwnedStore
from tests.screening_samples import W38, W39, World, record, within

HOUR = timedelta(hours=1)
MONDAY = weeks.end(W38) + 5 * HOUR
NEVER = Step(10**6, 10**6)
OTHERS = ("intake", "identity", "notification", "delivery")


class Desk:
    """Screening with its watch, and the stores of the services it watches. `real` is added to the database's clock."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.settings = system.settings("screening")
        self.store = OwnedStore(system, "screening")
        self.others = {name: OwnedStore(system, name) for name in OTHERS}
        self.clear()

    def clear(self) -> None:
        """As new: a first week in which every district has delivered."""
        self.real = timedelta(0)
        self.limits = Limits(W38, time(12), run_hours=NEVER)  # nearly no test here runs its weeks
        for store in (self.store, *self.others.values()):
            store.empty()
        self.world = World(self.store)
        self.world.now(weeks.start(W38))
        self.world.delivered(W38)
        self.watch = self.another()

    def another(self) -> Watch:
        """A watch that knows nothing but what is in the database."""
        return Watch(self.store, self.limits, 60, self.read)

    def read(self) -> tuple[datetime, list[ledger.Measure]]:
        real, measures = ledger.vitals(self.settings)
        return real + self.real, measures

    def look(self, later: timedelta = timedelta(0), real: timedelta = timedelta(seconds=1)) -> dict[tuple[str, str], str]:
        """Time passes (business, real), somebody looks; what holds then."""
        self.world.now(self.store.clock.now() + later)
        self.real += real
        self.execute("screening", "UPDATE outbox_position SET published = last")  # nobody relays here
        self.watch.look()
        with self.store.transaction() as transaction:
            return {(held.kind, held.subject): held.level for held in watch.current(transaction)}

    def told(self) -> list[tuple[str, str, str]]:
        """All audit entries about alarms."""
        entries = self.world.published(AUDIT["screening"], AuditEntry)
        assert all(each.subjects == [] for each in entries if each.action.startswith("alarm"))
        return [
            (each.action.removeprefix("alarm_"), str(each.detail["alarm"]), str(each.detail["about"]))
            for each in entries
            if each.action.startswith("alarm")
        ]

    def execute(self, service: str, statement: Any, **values: Any) -> None:
        store = self.others.get(service, self.store)
        with store.transaction() as transaction:
            transaction.execute(statement, values)

    def close(self) -> None:
        for store in (self.store, *self.others.values()):
            store.close()


@pytest.fixture(scope="module")
def shared(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    system = new_system(running, tmp_path_factory.mktemp("alarms"))
    system.prepare()
    desk = Desk(system)
    yield desk
    desk.close()


@pytest.fixture
def desk(shared: Desk) -> Desk:
    shared.clear()
    shared.world.now(MONDAY)
    return shared


def lives(desk: Desk, key: tuple[str, str], cure: Callable[[], None], escalated: dict[str, timedelta]) -> None:
    """An alarm is there as a warning: it is told once, escalated after a while, once, and cleared with its cause, once."""
    assert desk.look()[key] == "warn"
    assert desk.look()[key] == "warn"
    assert desk.look(**escalated)[key] == "escalate"
    assert desk.look()[key] == "escalate"
    cure()
    assert key not in desk.look()
    assert desk.told() == [("raised", *key), ("escalated", *key), ("cleared", *key)]


def test_a_draft_that_grows_old(desk: Desk) -> None:
    row = {
        "draft_id": uuid4(),
        "case_id": uuid4(),
        "case_version": 1,
        "child": uuid4(),
        "version": 1,
        "week": W38,
        "asked": b"{}",
        "asked_at": MONDAY,
        "state": "waiting",
        "decision_version": 0,
        "letter_id": uuid4(),
        "content": "a letter",
        "digest": "",
        "protected": False,
        "districts": ["1461"],
        "left_out": b"[]",
        "automatic": False,
    }
    desk.execute("notification", insert(DRAFT).values(row))
    assert desk.look() == {}
    desk.world.now(MONDAY + 24 * HOUR)
    decide = text("UPDATE draft SET state = 'approved'")
    lives(desk, ("draft_old", "waiting"), lambda: desk.execute("notification", decide), {"later": 48 * HOUR})


SENT = {
    "notification_id": uuid4(),
    "draft_id": uuid4(),
    "draft_version": 1,
    "case_id": uuid4(),
    "week": W38,
    "state": "sent",
    "municipality": "147",
    "version": 2,
    "document": b"{}",
    "message_id": uuid4(),
    "digest": "",
    "changed_at": MONDAY - 24 * HOUR,
}


def test_no_receipt(desk: Desk) -> None:
    desk.execute("delivery", insert(delivery_tables.tables["delivery"]).values(SENT))
    received = text("UPDATE delivery SET state = 'received'")
    lives(desk, ("no_receipt", "147"), lambda: desk.execute("delivery", received), {"later": 48 * HOUR})


def test_a_letter_that_cannot_leave(desk: Desk) -> None:
    row = {**SENT, "state": "pending", "municipality": None, "message_id": None}
    desk.execute("delivery", insert(delivery_tables.tables["delivery"]).values(row))
    sent = text("UPDATE delivery SET state = 'acknowledged', municipality = '147'")
    lives(desk, ("unsent", "letters"), lambda: desk.execute("delivery", sent), {"later": 48 * HOUR})


def test_a_week_that_waits_for_a_catalogue(desk: Desk) -> None:
    desk.limits = Limits(W38, time(12))
    desk.watch = desk.another()
    assert desk.look() == {}
    desk.world.now(weeks.after_end(W38, time(12)))

    def approve_and_run() -> None:
        desk.world.approve()
        assert desk.world.runner.due("schedule")[0].added

    lives(desk, ("run_late", W38), approve_and_run, {"later": 24 * HOUR})


def test_received_and_not_accepted(desk: Desk) -> None:
    row = {**SENT, "state": "received", "changed_at": MONDAY - 72 * HOUR}
    desk.execute("delivery", insert(delivery_tables.tables["delivery"]).values(row))
    assert desk.look() == {}
    desk.world.now(MONDAY + 48 * HOUR)
    accepted = text("UPDATE delivery SET state = 'acknowledged'")
    lives(desk, ("not_accepted", "147"), lambda: desk.execute("delivery", accepted), {"later": 120 * HOUR})


def test_a_letter_that_was_taken_back_and_answered_is_waited_for_no_longer(desk: Desk) -> None:
    row = {**SENT, "state": "received", "changed_at": MONDAY - 120 * HOUR}
    desk.execute("delivery", insert(delivery_tables.tables["delivery"]).values(row))
    assert desk.look() == {("not_accepted", "147"): "warn"}
    ids = {"notification_id": uuid4(), "draft_id": uuid4(), "message_id": uuid4()}
    retraction = {**SENT, **ids, "state": "acknowledged", "corrects": SENT["notification_id"]}
    desk.execute("delivery", insert(delivery_tables.tables["delivery"]).values(retraction))
    assert desk.look() == {}


def test_dead_letters(desk: Desk) -> None:
    bury = "INSERT INTO dead_letter (origin, topic, reason, attempts, created_at) VALUES ('x', 't', 'Poison: x', 1, :at)"
    desk.execute("intake", bury, at=MONDAY)
    redriven = "UPDATE dead_letter SET redriven_at = created_at"
    lives(desk, ("dead_letters", "intake"), lambda: desk.execute("intake", redriven), {"later": 24 * HOUR})


def test_an_extract_that_was_refused_until_a_good_one_has_come(desk: Desk) -> None:
    arrive = "INSERT INTO arrival (name, fingerprint, state, reason, seen_at) VALUES (:name, '', 'refused', :reason, :at)"
    desk.execute("intake", arrive, name="1461-00003", reason="sequence_gap", at=MONDAY)
    assert desk.look() == {}, "it goes on by itself"
    desk.execute("intake", arrive, name="1461-00002", reason="wrong_digest", at=MONDAY)
    accept = "UPDATE arrival SET state = 'accepted', reason = NULL"
    lives(desk, ("refused_files", "intake"), lambda: desk.execute("intake", accept), {"later": 24 * HOUR})


REGISTER_FILE = """
    INSERT INTO register_file (manifest, manifest_digest, sequence, state, reason, seen_at, read_at)
    VALUES ('x', :digest, :sequence, :state, :reason, :at, CASE WHEN :state = 'read' THEN CAST(:at AS timestamptz) END)
"""


@pytest.mark.parametrize(("refused", "reason", "mended"), [(2, "wrong_digest", 2), (1, "sequence_reused", 2)])
def test_a_register_delivery_that_was_refused_until_a_good_one_was_read(
    desk: Desk, refused: int, reason: str, mended: int
) -> None:
    def deliver(sequence: int, state: str, at: datetime, reason: str | None = None) -> None:
        values = {"digest": str(uuid4()), "sequence": sequence, "state": state, "reason": reason, "at": at}
        desk.execute("identity", REGISTER_FILE, **values)

    deliver(1, "read", MONDAY - HOUR)
    deliver(refused, "refused", MONDAY, reason)
    deliver(3, "waiting", MONDAY, "sequence_gap")
    cure = partial(deliver, mended, "read", MONDAY + 24 * HOUR)
    lives(desk, ("refused_files", "identity"), cure, {"later": 24 * HOUR})


def test_a_relay_that_does_not_advance_by_real_time(desk: Desk) -> None:
    assert "849" not in desk.settings.municipalities
    unserved = "INSERT INTO outbox_position (topic, partition, last) VALUES (:topic, 0, 1)"
    desk.execute("delivery", unserved, topic=municipal_notification("849").name)  # nobody publishes that
    with desk.others["identity"].transaction() as transaction:
        transaction.audit("collection", "test", purpose="intake")
    assert desk.look(later=9 * HOUR) == {}
    assert desk.look(real=timedelta(seconds=119)) == {}
    desk.watch = desk.another()  # a restart forgets nothing
    assert desk.look(real=timedelta(seconds=1)) == {("relay", "identity"): "warn"}
    publish = "UPDATE outbox_position SET published = last"
    lives(desk, ("relay", "identity"), lambda: desk.execute("identity", publish), {"real": timedelta(seconds=900)})


def test_a_clock_that_differs(desk: Desk) -> None:
    assert Lease(desk.others["intake"], "relay").hold()
    measured = {each.service: each.amount for each in desk.read()[1] if each.name == "clock_ms:relay"}
    assert list(measured) == ["intake"]
    assert abs(measured["intake"]) < 1_000
    assert desk.look() == {}
    desk.execute("intake", "UPDATE lease SET clock_ms = -7000")
    assert desk.look() == {("clock", "intake"): "warn"}
    desk.execute("intake", "UPDATE lease SET clock_ms = 60000")
    assert desk.look() == {("clock", "intake"): "escalate"}
    assert Lease(desk.others["intake"], "other").hold()
    desk.execute("intake", "UPDATE lease SET clock_ms = 5 WHERE name = 'relay'")
    assert desk.look() == {}
    assert [action for action, _, _ in desk.told()] == ["raised", "escalated", "cleared"]


def test_a_missing_district_and_the_run_without_it(desk: Desk) -> None:
    desk.world.approve()
    desk.world.now(weeks.after_end(W39, time(12)))
    desk.world.delivered(W39, but=["1461"])
    desk.world.runner.due("schedule")
    assert desk.world.runner.start(W39, ["1461"], "operator").added
    lives(desk, ("missing_district", "1461"), partial(desk.world.extract, "1461", W39), {"later": 24 * HOUR})


def test_a_flood_and_a_zero(desk: Desk) -> None:
    desk.world.approve()
    father = uuid4()
    desk.world.family(father)
    desk.world.records(record(father, within(W38), code="1255"))
    desk.world.run(W38)
    desk.world.run(W39)
    assert desk.look() == {("zero", "candidates"): "warn"}
    mother = uuid4()
    desk.world.family(mother)
    desk.world.records(record(mother, within("2026-W40"), code="1255"))
    desk.world.runner.plan = replace(desk.world.runner.plan, ceiling=0)
    assert desk.world.run("2026-W40").status == "braked"
    assert desk.look() == {("flood", "2026-W40"): "warn"}
    assert desk.look(later=24 * HOUR)["flood", "2026-W40"] == "escalate"
    desk.world.runner.release("2026-W40", "operator")
    assert desk.look() == {}


def test_the_schedule_itself_and_that_a_failing_look_never_stops_it(desk: Desk) -> None:
    desk.watch.noting(lambda: None)()
    assert desk.look() == {}
    assert desk.look(real=timedelta(seconds=900)) == {("scheduler", "runs"): "warn"}

    def broken() -> tuple[datetime, list[ledger.Measure]]:
        raise LookupError

    Watch(desk.store, desk.watch.limits, 0.001, broken).look_if_due()
    desk.another().noting(lambda: None)()
    desk.real -= timedelta(seconds=901)
    desk.execute("screening", "UPDATE look SET at = at - interval '1 hour' WHERE name = 'alarms'")
    assert [each.level for each in desk.watch.check()] == ["bad"], "the doctor says that nobody has looked"
    assert desk.look() == {}
    assert [each.level for each in desk.watch.check()] == ["ok"]


def test_copies_that_look_at_once_tell_once(desk: Desk) -> None:
    bury = "INSERT INTO dead_letter (origin, topic, reason, attempts, created_at) VALUES ('x', 't', 'Poison: x', 1, :at)"
    desk.execute("intake", bury, at=MONDAY)
    copies = [desk.another() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for looked in [pool.submit(each.look) for each in copies * 3]:
            looked.result()
    assert desk.told() == [("raised", "dead_letters", "intake")]
    with desk.store.transaction() as transaction:
        before = watch.looks(transaction)
    desk.another().look_if_due()
    with desk.store.transaction() as transaction:
        assert [each.at for each in watch.looks(transaction)] == [each.at for each in before]


def test_looking_reads_none_of_the_tables_that_grow_with_the_country(desk: Desk) -> None:
    engine = create_engine(desk.settings.database_url("ledger_reader"), hide_parameters=True)
    with engine.begin() as connection:
        plan = "\n".join(connection.execute(text(f"EXPLAIN {ledger.vitals_query(desk.settings)}")).scalars())
    engine.dispose()
    assert "outbox_position" in plan
    for table in ("fate", "run_adult", "record", "pseudonym", "log", "letter"):
        assert f" on {table}" not in plan, plan


def test_the_door_says_what_holds_and_whether_anybody_still_looks(desk: Desk, tmp_path: Path) -> None:
    principals = [
        {"principal": name, "kind": name, "sha256": hashlib.sha256(name.encode()).hexdigest()}
        for name in ("operator", "auditor", "clerk")
    ]
    (tmp_path / "credentials.json").write_bytes(msgspec.json.encode(principals))
    settings = load("screening", {"SOCIALSOG_SECRETS": str(tmp_path)})

    def ask(who: str) -> Any:
        return client.get("/alarms", headers={"authorization": f"Bearer {who}"})

    with TestClient(application(settings, alarm_api.routes(desk.watch), list)) as client:
        assert ask("clerk").status_code == 403
        assert ask("auditor").json() == {"late": True, "period_seconds": 60, "looks": [], "alarms": []}
        desk.execute("intake", "INSERT INTO dead_letter VALUES (default, 'x', 't', 0, 0, 1, NULL, NULL, 'y', 1, :at)", at=MONDAY)
        desk.watch.look()
        answer = ask("operator").json()
        assert (answer["late"], [look["name"] for look in answer["looks"]]) == (False, ["alarms"])
        assert [(each["kind"], each["detail"]) for each in answer["alarms"]] == [("dead_letters", "1 wait")]
        desk.execute("screening", "UPDATE look SET at = at - interval '3 minutes'")
        assert ask("operator").json()["late"]


def test_a_watch_outside_sees_alarms_and_a_dead_scheduler_by_exit_code(running: Running, tmp_path: Path) -> None:
    system = new_system(running, tmp_path, {"SOCIALSOG_ALARM_PERIOD_SECONDS": "0.5"})
    system.prepare()
    system.clock.move(weeks.end(W38))
    command = [sys.executable, "-m", "services.cli", "alarms", "--json"]

    def outside() -> int:
        return subprocess.run(command, env=system.environment("cli"), capture_output=True).returncode

    system.start_services(["screening"])
    try:
        wait_until(lambda: outside() == 0, 30, "no alarm, and somebody looks")
        system.clock.move(weeks.after_end(W38, time(12)))
        wait_until(lambda: outside() == 1, 30, "every district is missing")
        system.clock.move(weeks.after_end(W38, time(12)) + 24 * HOUR)
        wait_until(lambda: outside() == 2, 30, "and escalated")
        system.kill("screening")
        assert outside() == 69
    finally:
        system.stop_services(["screening"])
