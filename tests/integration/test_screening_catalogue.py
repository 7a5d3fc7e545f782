"""Which catalogue says what counts, on a real PostgreSQL: the run's own, and later the newest one whose time has come."""

from datetime import date
from uuid import uuid4

from msgspec.structs import replace

from events import weeks
from services.screening.domain import catalogue as rules
from services.screening.readiness import Plan
from services.screening.shelf import Entry
from tests.integration.screening_desk import shared, world
from tests.screening_samples import DAY, W38, W39, W40, World, record, within

__all__ = ["shared", "world"]


def without_simple_violence(world: World, name: str, valid_from: date) -> None:
    """A second catalogue lies on the shelf and is approved at once."""
    known = world.shelf.entries[0].catalogue
    codes = [code for code in known.codes if code.code != "1252"]
    changed = replace(known, id=name, valid_from=valid_from, codes=codes)
    kept = [each for each in world.shelf.entries if each.catalogue.id != name]
    world.shelf.entries = [*kept, Entry(changed, rules.digest(changed), rules.Lookup(changed))]
    world.approve()


def test_a_catalogue_that_is_approved_early_judges_nothing_before_its_time(world: World) -> None:
    father = uuid4()
    child = world.family(father)
    past, fresh = record(father, weeks.start(W38) - 30 * DAY), record(father, within(W38))
    world.records(past, fresh)
    without_simple_violence(world, "2026-2", weeks.monday(W40))
    world.run(W38)
    corrected = world.revise(fresh, outcome="convicted")
    world.now(weeks.end(W39))
    world.revise(corrected, outcome="charged")
    assert [item.counts for item in world.candidates(W38)[child].evidence] == [True, True]
    assert [each.item.counts for each in world.evidence_events(past.record_id)] == [True]
    assert [(each.item.outcome, each.item.counts) for each in world.evidence_events(fresh.record_id)] == [
        ("open", True),
        ("convicted", True),
        ("charged", False),
    ]


def test_a_run_is_published_by_its_own_catalogue_also_where_that_is_no_longer_the_newest(world: World) -> None:
    world.runner.plan = Plan(W38, ceiling=0)
    father = uuid4()
    child = world.family(father)
    past, fresh = record(father, weeks.start(W38) - 30 * DAY), record(father, within(W38))
    world.records(past, fresh)
    without_simple_violence(world, "2026-2", weeks.monday(W39))
    assert world.run(W38).status == "braked"
    without_simple_violence(world, "2026-1", weeks.monday("2026-W01"))
    world.runner.release(W38, "operator")
    assert [item.counts for item in world.candidates(W38)[child].evidence] == [True, True]
    assert [each.item.counts for row in (past, fresh) for each in world.evidence_events(row.record_id)] == [True, True]


def test_a_code_outside_the_catalogue_is_told_in_words(world: World) -> None:
    father = uuid4()
    world.family(father)
    fresh = record(father, within(W38), code="1255")
    world.records(fresh)
    world.run(W38)
    world.revise(fresh, code="2610")
    told = [(each.item.counts, each.item.text, each.item.category) for each in world.evidence_events(fresh.record_id)]
    assert told == [
        (True, "Alvorligere vold", "VIOLENCE_SERIOUS"),
        (False, "Andet forhold, som ikke indgår i politiets søgning", ""),
    ]
