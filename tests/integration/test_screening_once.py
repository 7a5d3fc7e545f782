"""A week is run once, published once and audited, whoever asks for it and how often."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

from deploy.waiting import wait_until
from events import weeks
from events.audit import AuditEntry
from events.run import Run
from events.topics import AUDIT, CANDIDATE, RUN
from tests.integration.screening_desk import shared, world
from tests.screening_samples import W38, World, record, within

__all__ = ["shared", "world"]


def test_a_run_is_published_and_audited_with_everybody_it_touched(world: World) -> None:
    father, other = uuid4(), uuid4()
    child = world.family(father)
    world.records(record(father, within(W38), code="1255"), record(other, within(W38)))
    world.run(W38)
    (run,) = world.published(RUN, Run)
    assert (run.week, run.status, run.register_version, run.counts.adults, run.counts.candidates) == (W38, "finished", 7, 2, 1)
    entries = {each.action: each for each in world.published(AUDIT["screening"], AuditEntry)}
    assert entries["weekly_run"].verb == "combination"
    assert set(entries["weekly_run"].subjects) == {father, other, child}
    assert {each.run_id for each in entries.values() if each.action != "catalogue_approved"} == {run.run_id}
    assert entries["run_started"].actor == "schedule"
    assert entries["catalogue_approved"].actor == "approver"


def test_the_same_week_again_says_so_and_adds_nothing(world: World) -> None:
    father = uuid4()
    world.family(father)
    world.records(record(father, within(W38), code="1255"))
    world.run(W38)
    before = world.select("SELECT topic, last FROM outbox_position ORDER BY topic")
    again = world.runner.start(W38, (), "operator")
    assert (again.added, again.status, again.detail) == (False, "finished", "was run before; nothing was added")
    assert world.select("SELECT topic, last FROM outbox_position ORDER BY topic") == before
    assert len(world.published(CANDIDATE, Any)) == 1


def test_two_operators_who_start_the_same_week_at_once_make_one_run(world: World) -> None:
    father = uuid4()
    world.family(father)
    world.records(record(father, within(W38), code="1255"))
    world.delivered(W38)
    world.now(weeks.end(W38) + timedelta(hours=5))
    waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    world.register.meanwhile = lambda: wait_until(lambda: bool(world.select(waiting)), 30, "the other asks too")
    with ThreadPoolExecutor(2) as both:
        asked = {actor: both.submit(world.runner.start, W38, (), actor) for actor in ("operator-1", "operator-2")}
    answers = {actor: answer.result() for actor, answer in asked.items()}
    (ran,) = [actor for actor, answer in answers.items() if answer.added]
    (late,) = answers.keys() - {ran}
    assert (answers[ran].status, answers[ran].candidates) == ("finished", 1)
    assert (answers[late].status, answers[late].detail) == ("finished", "was run before; nothing was added")
    assert len(world.select("SELECT FROM run")) == len(world.published(RUN, Run)) == len(world.published(CANDIDATE, Any)) == 1
    entries = [each for each in world.published(AUDIT["screening"], AuditEntry) if each.action in ("run_started", "weekly_run")]
    assert sorted((each.action, each.actor) for each in entries) == [("run_started", ran), ("weekly_run", ran)]
