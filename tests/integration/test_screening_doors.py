"""When a week may be run, and who may do what: order, districts, records on the way, catalogue, brakes – and the doors."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
from litestar.testing import TestClient

from events import weeks
from events.audit import AuditEntry
from events.candidate import Candidate
from events.run import Run
from events.topics import AUDIT, CANDIDATE, EVIDENCE, RUN
from services.runtime.http import application, doors
from services.runtime.settings import load
from services.screening import api
from tests.integration.screening_desk import shared
from tests.owned_store import OwnedStore
from tests.screening_samples import W38, W39, W40, World, record, within

__all__ = ["shared"]

HOUR = timedelta(hours=1)
TOKENS = {"operator": "operator", "approver": "approver", "auditor": "auditor", "reviewer-1461": "reviewer", "clerk": "clerk"}


@pytest.fixture
def world(shared: OwnedStore) -> World:
    """An empty service in its first week; no catalogue is approved."""
    shared.empty()
    world = World(shared)
    world.now(weeks.start(W38))
    return world


@pytest.fixture
def http(world: World, tmp_path: Path) -> Iterator[TestClient[Any]]:
    """The doors as uvicorn serves them, with the guard in front."""
    principals = [
        {"principal": name, "kind": kind, "sha256": hashlib.sha256(name.encode()).hexdigest()} for name, kind in TOKENS.items()
    ]
    (tmp_path / "credentials.json").write_bytes(msgspec.json.encode(principals))
    settings = load("screening", {"SOCIALSOG_SECRETS": str(tmp_path)})
    with TestClient(application(settings, api.routes(world.runner), list)) as client:
        yield client


def ask(http: TestClient[Any], who: str, method: str, path: str, body: Any = None) -> Any:
    """Status and decoded answer of one request."""
    answer = http.request(method, path, json=body, headers={"authorization": f"Bearer {who}"})
    return answer.status_code, answer.json()


def monday(week: str, hours: int) -> Any:
    return weeks.end(week) + hours * HOUR


# when


def test_nothing_runs_before_its_hour_and_everything_that_is_due_in_order(world: World) -> None:
    world.approve()
    for week in (W38, W39, W40):
        world.delivered(week)
    world.now(monday(W38, 5) - timedelta(seconds=1))
    assert [answer.waits_for for answer in world.runner.due("schedule")] == [["not before 2026-09-21T05:00:00+02:00"]]
    world.now(monday(W40, 5))
    assert [answer.week for answer in world.runner.due("schedule")] == [W38, W39, W40, "2026-W41"]
    assert [run.week for run in world.published(RUN, Run)] == [W38, W39, W40]


def test_a_person_may_start_from_the_end_of_the_week_and_only_the_next_one(world: World) -> None:
    world.approve()
    world.delivered(W38)
    world.now(weeks.end(W38) - timedelta(seconds=1))
    assert world.runner.start(None, (), "operator").status == "waiting"
    world.now(weeks.end(W38))
    assert world.runner.start(W39, (), "operator").detail == "weeks are run in order: the next is 2026-W38"
    assert world.runner.start(W38, (), "operator").added


def test_week_53_and_the_week_of_the_clock_change_run(shared: OwnedStore, world: World) -> None:
    for first in ("2026-W43", "2026-W53"):
        shared.empty()
        autumn = World(shared, first)
        autumn.approve()
        father = uuid4()
        child = autumn.family(father)
        autumn.records(record(father, weeks.end(first) - timedelta(seconds=1), code="1255"))
        assert autumn.run(first).status == "finished"
        assert set(autumn.candidates(first)) == {child}
        assert autumn.run(weeks.following(first)).candidates == 0


def test_a_missing_district_keeps_the_run_waiting_until_a_person_decides_after_the_deadline(world: World) -> None:
    world.approve()
    world.delivered(W38, but=["1461"])
    world.now(monday(W38, 5))
    (waiting,) = world.runner.due("schedule")
    assert waiting.waits_for == ["district 1461 has not delivered"]
    early = world.runner.start(W38, ["1461"], "operator")
    assert (early.status, early.detail) == (
        "refused",
        "only after 2026-09-21T12:00:00+02:00 may a week be run without a district",
    )
    world.now(monday(W38, 12))
    assert world.runner.start(W38, ["1460", "1461"], "operator").detail == "district 1460 is not missing"
    assert world.runner.start(W38, ["1461"], "operator").added
    assert world.published(RUN, Run)[0].missing_districts == ["1461"]
    assert world.ledger(W38)["missing:1461"] == 1


def test_the_late_district_is_found_by_the_week_after(world: World) -> None:
    world.approve()
    father = uuid4()
    child = world.family(father)
    world.delivered(W38, but=["1461"])
    world.now(monday(W38, 12))
    assert world.runner.start(W38, ["1461"], "operator").added
    world.records(record(father, within(W38), code="1255"))
    world.extract("1461", W38)
    world.run(W39)
    assert set(world.candidates(W39)) == {child}


def test_a_gap_in_the_sequence_covers_nothing(world: World) -> None:
    world.approve()
    world.delivered(W38, but=["1461"])
    world.extract("1461", W38, sequence=2)
    world.now(monday(W38, 5))
    assert world.runner.due("schedule")[0].waits_for == ["district 1461 has not delivered"]
    world.extract("1461", "2026-W37", sequence=1)
    assert world.runner.due("schedule")[0].added


def test_records_on_the_way_are_waited_for(world: World) -> None:
    world.approve()
    first = record(uuid4(), within(W38))
    world.delivered(W38, but=["1461"])
    world.extract("1461", W38, lost=1)
    world.now(monday(W38, 5))
    assert world.runner.due("schedule")[0].waits_for == [f"records of partition {each} are on the way" for each in range(4)]
    world.records(first, *(record(uuid4(), within(W38)) for _ in range(40)))
    assert world.runner.due("schedule")[0].added


def test_without_an_approved_catalogue_nothing_runs(world: World) -> None:
    world.delivered(W38)
    world.now(monday(W38, 5))
    (waiting,) = world.runner.due("schedule")
    assert waiting.waits_for == ["no approved catalogue is valid for 2026-W38: an approver must approve one"]
    world.approve()
    assert world.runner.due("schedule")[0].added


# brakes


def flood(world: World, week: str, families: int) -> None:
    fathers = [uuid4() for _ in range(families)]
    for father in fathers:
        world.family(father)
    world.records(*(record(father, within(week), code="1255") for father in fathers))


def test_a_flood_is_held_until_a_person_releases_it(world: World) -> None:
    world.approve()
    week = W38
    for _ in range(3):
        flood(world, week, 1)
        assert world.run(week).status == "finished"
        week = weeks.following(week)
    flood(world, week, 13)
    answer = world.run(week)
    assert (answer.status, answer.candidates, answer.detail) == (
        "braked",
        13,
        "total 13 outside 0 to 12; 1461 13 outside 0 to 12",
    )
    assert world.candidates(week) == {}
    assert world.ledger(week) == world.ledger(week) | {"run_braked": 1, "candidates": 13}
    evidence = len(world.published(EVIDENCE, Any))
    following = weeks.following(week)
    world.delivered(following)
    world.now(monday(following, 5))
    assert world.runner.due("schedule")[0].waits_for == [f"run {week} was stopped by the brake and waits for release"]
    assert world.runner.release(week, "operator")
    assert not world.runner.release(week, "operator")
    assert len(world.candidates(week)) == 13
    assert len(world.published(EVIDENCE, Any)) == evidence + 13
    assert [run.status for run in world.published(RUN, Run) if run.week == week] == ["braked", "finished"]
    released = [each for each in world.published(AUDIT["screening"], AuditEntry) if each.action == "run_released"]
    assert [(each.actor, each.week) for each in released] == [("operator", week)]
    assert world.runner.due("schedule")[0].added


def test_evidence_that_changed_under_the_brake_is_published_as_it_is_at_release(world: World) -> None:
    world.approve()
    world.runner.plan = replace(world.runner.plan, ceiling=0)
    father = uuid4()
    world.family(father)
    fresh = record(father, within(W38), code="1255")
    world.records(fresh)
    assert world.run(W38).detail == "total 1 above ceiling 0"
    world.revise(fresh, status="withdrawn")
    assert world.evidence_events(fresh.record_id) == []
    world.runner.release(W38, "operator")
    assert [(each.item.version, each.item.live) for each in world.evidence_events(fresh.record_id)] == [(2, False)]
    assert [each.evidence[0].version for each in world.published(CANDIDATE, Candidate)] == [1]


# doors


def test_the_doors_are_for_these_and_nobody_else(world: World) -> None:
    assert doors(api.routes(world.runner)) == [
        ("GET", "/catalogues", ("approver", "operator", "auditor")),
        ("GET", "/runs", ("operator", "auditor", "reviewer")),
        ("POST", "/catalogues/{name:str}/approve", ("approver",)),
        ("POST", "/runs", ("operator",)),
        ("POST", "/runs/{week:str}/release", ("operator",)),
    ]


@pytest.mark.parametrize(
    ("who", "method", "path"),
    [
        ("clerk", "GET", "/runs"),
        ("reviewer-1461", "POST", "/runs"),
        ("approver", "POST", "/runs"),
        ("auditor", "POST", "/runs/2026-W38/release"),
        ("operator", "POST", "/catalogues/2026-1/approve"),
        ("reviewer-1461", "GET", "/catalogues"),
    ],
)
def test_others_are_refused(http: TestClient[Any], who: str, method: str, path: str) -> None:
    assert ask(http, who, method, path, {"digest": "0" * 64} if method == "POST" else None)[0] == 403


def test_a_catalogue_is_approved_over_its_digest_only(http: TestClient[Any], world: World) -> None:
    status, (listed,) = ask(http, "auditor", "GET", "/catalogues")
    assert (status, listed["id"], listed["approved_by"], listed["synthetic_codes"]) == (200, "2026-1", None, 10)
    assert ask(http, "approver", "POST", "/catalogues/2026-1/approve", {"digest": "0" * 64})[0] == 409
    assert ask(http, "approver", "POST", "/catalogues/2026-1/approve", {"digest": "short"})[0] == 400
    assert ask(http, "approver", "POST", "/catalogues/2027-1/approve", {"digest": listed["digest"]})[0] == 409
    for _ in range(2):
        status, row = ask(http, "approver", "POST", "/catalogues/2026-1/approve", {"digest": listed["digest"]})
        assert (status, row["approved_by"]) == (200, "approver")
    assert len(world.published(AUDIT["screening"], AuditEntry)) == 1


def test_the_operator_runs_a_week_through_the_door(http: TestClient[Any], world: World) -> None:
    world.approve()
    _, overview = ask(http, "reviewer-1461", "GET", "/runs")
    assert (overview["runs"], overview["next_week"], overview["due_at"]) == ([], W38, "2026-09-21T05:00:00+02:00")
    assert len(overview["waits_for"]) == 13
    world.delivered(W38)
    world.now(monday(W38, 1))
    status, answer = ask(http, "operator", "POST", "/runs", {"week": W38, "without": [], "due": False})
    assert (status, answer["status"], answer["added"]) == (200, "finished", True)
    assert ask(http, "operator", "POST", "/runs", {"week": W38})[1]["added"] is False
    assert ask(http, "operator", "POST", "/runs", {"due": True})[1][-1]["status"] == "waiting"
    assert ask(http, "operator", "POST", "/runs", {"week": "2026-W60"})[0] == 400
    assert ask(http, "operator", "POST", "/runs", {"week": "40"})[0] == 400
    assert ask(http, "operator", "POST", "/runs/2026-W38/release")[0] == 404
    _, overview = ask(http, "operator", "GET", "/runs")
    assert [(row["week"], row["requested_by"], row["candidates"]) for row in overview["runs"]] == [(W38, "operator", 0)]


def test_identity_that_does_not_answer_adds_nothing(http: TestClient[Any], world: World) -> None:
    world.approve()
    world.delivered(W38)
    world.now(monday(W38, 5))

    def unreachable() -> None:
        raise httpx.ConnectError("nobody there")

    world.register.meanwhile = unreachable
    status, answer = ask(http, "operator", "POST", "/runs", {"week": W38})
    assert (status, answer["detail"]) == (503, "not now, try again: ConnectError")
    assert world.select("SELECT 1 FROM run UNION SELECT 1 FROM fate") == []
