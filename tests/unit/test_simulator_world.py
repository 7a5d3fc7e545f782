"""The synthetic world: same bytes for the same seed, honest manifests, harmless background, a truth about things that exist."""

import hashlib
import json
import re
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from events.municipalities import DISTRICTS
from services.simulator import numbers
from services.simulator.canaries import PATTERN, canaries
from services.simulator.codes import SEVERE, TRAFFIC
from services.simulator.extract_writer import is_csv
from services.simulator.households import BLOCK_CHILDREN, BLOCK_PARENTS, BLOCK_PEOPLE, MAX_PERSONS
from services.simulator.stories import STORIES
from services.simulator.world import World

SIX = ["751", "746", "101", "851", "400", "825"]
CPR = re.compile(r"(6[1-9]|[78]\d|9[01])(0[1-9]|1[0-2])\d{6}")


def small(seed: int = 5) -> World:
    """A world as the tests of other services use it."""
    return World(seed, 2_000, SIX)


def lines(path: Path) -> list[dict[str, Any]]:
    """JSON Lines."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def digest(folder: Path) -> dict[str, str]:
    """Every file of a folder with the digest of its bytes."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def write(world: World, folder: Path, weeks: int = 3) -> Path:
    """All deliverables of a few weeks."""
    for week in range(weeks + 1):
        world.deliverables(week, folder)
    return folder


@pytest.fixture(scope="module")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three weeks of a small world on disk."""
    return write(small(), tmp_path_factory.mktemp("world"))


def test_same_seed_same_bytes_and_another_seed_others(staging: Path, tmp_path: Path) -> None:
    assert digest(write(small(), tmp_path / "same")) == digest(staging)
    assert digest(write(small(6), tmp_path / "other")) != digest(staging)


def test_a_week_is_the_same_however_it_is_reached(staging: Path, tmp_path: Path) -> None:
    small().deliverables(5, tmp_path)
    small().deliverables(2, tmp_path)
    for name, value in digest(tmp_path / "police").items():
        if "-00003" in name:
            assert digest(staging / "police")[name] == value


def test_manifests_are_gapless_and_true(staging: Path) -> None:
    for district in DISTRICTS:
        paths = sorted((staging / "police").glob(f"{district}-*.manifest.json"))
        manifests = [json.loads(path.read_text("utf-8")) for path in paths]
        assert [manifest["sequence"] for manifest in manifests] == [1, 2, 3, 4]
        assert all(earlier["covers_until"] < later["covers_until"] for earlier, later in pairwise(manifests))
        for manifest in manifests:
            data = (staging / "police" / manifest["file"]).read_bytes() if manifest["file"] else b""
            assert manifest["sha256"] == hashlib.sha256(data).hexdigest()
            assert manifest["rows"] == max(0, data.count(b"\n") - is_csv(district))
            assert (manifest["file"] is None) == (manifest["rows"] == 0)


def test_register_sequences_are_gapless_over_all_kinds(staging: Path) -> None:
    manifests = [json.loads(path.read_text("utf-8")) for path in sorted((staging / "register").glob("*.manifest.json"))]
    assert [manifest["sequence"] for manifest in manifests] == list(range(1, 9))
    assert [manifest["kind"] for manifest in manifests[:3]] == ["full", "institutions", "changes"]
    assert manifests[0]["rows"] == 2_000


def test_a_quiet_district_delivers_too(staging: Path) -> None:
    rows = {item["extract"]: item["rows"] for item in lines(staging / "truth_extracts.jsonl")}
    assert len(rows) == 12 * 4
    assert rows["1471-00002"] == rows["1471-00004"] == 0


def test_every_number_is_synthetic_and_nobody_is_there_twice() -> None:
    world = World(9, 20_000)
    people = list(world.register())
    assert all(CPR.fullmatch(person.cpr) for person in people)
    assert len({person.cpr for person in people}) == len(people) == 20_000
    for person in people:
        assert person.cpr[:6] == f"{person.birth_date.day + 60}{person.birth_date:%m%y}"
        assert (int(person.cpr[-1]) % 2 == 1) == (person.sex == "M")
        assert (person.cpr[6] in "0123") == (person.birth_date.year < 2000)


def test_the_bands_of_numbers_hold_for_the_largest_world_and_the_last_week() -> None:
    blocks = MAX_PERSONS // BLOCK_PEOPLE
    last_story = 141 * numbers.WEEK_ROOM
    assert 0 + blocks * 9 // numbers.ADULTS.days < 300
    assert 300 + blocks * BLOCK_PARENTS // numbers.PARENTS.days < 600
    assert 600 + last_story // numbers.STORY_ADULTS.days < 2000
    assert 0 + blocks * BLOCK_CHILDREN // numbers.CHILDREN.days < 300
    assert 300 + last_story // numbers.STORY_CHILDREN.days < 2600


def test_background_never_comes_near_a_rule() -> None:
    world = World(4, 20_000)
    rows = [row for week in range(60) for row in world.background(week)]
    history = sum(1 for _ in world.background(0))
    assert 0.9 * 20_000 < history < 1.1 * 20_000
    assert 0.8 * 200 < (len(rows) - history) / 59 < 1.2 * 200
    oldest = world.calendar.end(0) - timedelta(days=760)
    counted = [
        row
        for row in rows
        if row.code != TRAFFIC.code
        and row.role in ("charged", "involved")
        and row.outcome not in ("dropped", "acquitted")
        and datetime.fromisoformat(row.registered_at) > oldest
    ]
    assert counted
    assert max(Counter(row.identity for row in counted).values()) == 1
    assert not {row.code for row in counted} & {code.code for code in SEVERE}
    parents = {link.cpr for person in world.register() for link in person.parents}
    assert not parents & {row.identity for row in counted}
    assert len({row.journal_number for row in rows}) == len(rows)


def test_nobody_is_charged_with_an_illness_or_acquitted_of_a_suicide_threat() -> None:
    world = World(4, 20_000)
    rows = [row for week in range(4) for row in world.background(week)]
    rows += [planted.row for week in range(4) for planted in world.planted(week)]
    incidents = [row for row in rows if row.code_scheme == "SYNTHETIC"]
    assert {(row.role, row.outcome) for row in incidents} == {
        (role, "none") for role in ("involved", "victim", "witness", "reporter")
    }


def test_every_story_is_told_within_three_weeks(staging: Path) -> None:
    told = {effect["story"] for effect in lines(staging / "truth.jsonl")}
    assert told == {story.name for story in STORIES}
    fates = {row["fate"] for row in lines(staging / "truth_rows.jsonl")}
    assert fates == {"repeated", "stale", "corrected", "withdrawn", "quarantined"}
    reasons = {row["reason"] for row in lines(staging / "truth_rows.jsonl") if row["fate"] == "quarantined"}
    assert reasons == {"missing_field", "bad_value", "unknown_value", "wrong_district", "conflict", "extra_field", "unreadable"}


def test_truth_is_about_people_and_rows_that_exist(staging: Path) -> None:
    register = {line["cpr"] for path in (staging / "register").glob("*.jsonl") for line in lines(path) if "cpr" in line}
    delivered = {path.name: path.read_bytes() for path in (staging / "police").iterdir() if path.suffix in (".csv", ".jsonl")}
    everything = b"".join(delivered.values()).decode(errors="replace")
    journals = set(re.findall(r"\d{4}-\d{5}-\d{5}-\d{2}", everything))
    for effect in lines(staging / "truth.jsonl"):
        assert effect["child_cpr"] is None or effect["child_cpr"] in register
        assert effect["reason"] == "waiting_for_identity" or set(effect["adults"]) <= register
        assert {journal for journal, _ in effect["evidence"]} <= journals
        assert (effect["municipality"] is not None) == (effect["outcome"] == "sent")
    for row in lines(staging / "truth_rows.jsonl"):
        assert 1 <= row["line"] <= delivered[row["file"]].count(b"\n")


def test_counts_of_extracts_agree_with_the_fates_of_rows(staging: Path) -> None:
    fates = Counter((Path(row["file"]).stem, row["fate"]) for row in lines(staging / "truth_rows.jsonl"))
    for item in lines(staging / "truth_extracts.jsonl"):
        assert item["rows"] == sum(item[fate] for fate in ("new", "corrected", "withdrawn", "repeated", "stale", "quarantined"))
        assert all(item[fate] == fates[item["extract"], fate] for fate in ("corrected", "stale", "quarantined"))


def test_a_missing_district_comes_a_week_late(tmp_path: Path) -> None:
    world = World(5, 2_000, SIX, missing=(2, "1463"))
    assert not [item for item in world.deliverables(2, tmp_path) if item.manifest.name.startswith("1463")]
    names = [item.manifest.name for item in world.deliverables(3, tmp_path) if item.manifest.name.startswith("1463")]
    assert names == ["1463-00003.manifest.json", "1463-00004.manifest.json"]
    assert [effect.week for effect in world.effects(3) if effect.story == "missing_district"] == ["2026-W40"]


def test_a_flood_is_a_flood(tmp_path: Path) -> None:
    firsts = [sum(effect.kind == "first" for effect in World(5, 2_000, SIX, flood_week=3).effects(week)) for week in (1, 2, 3)]
    assert firsts[2] > 1.5 * max(firsts[:2])


def test_moments_are_in_order_and_hand_over_puts_both_files(tmp_path: Path) -> None:
    items = small().deliverables(1, tmp_path / "staging")
    assert [item.moment for item in items] == sorted(item.moment for item in items)
    run = datetime.fromisoformat("2026-09-21T05:00:00+02:00")
    assert [item.kind for item in items if item.moment > run] == ["register"]
    for item in items:
        manifest = item.hand_over(tmp_path / "inbox")
        named = json.loads(manifest.read_text("utf-8"))["file"]
        assert manifest.exists()
        assert named is None or (manifest.parent / named).exists()


def test_canaries_are_found_by_the_pattern_and_by_name() -> None:
    world = small()
    words = set(canaries(world))
    assert {row.journal_number for row in world.background(2)} <= words
    some = next(iter(world.register()))
    assert {some.cpr, some.name.split()[-1]} <= words
    assert PATTERN.search(f'{{"x":"{some.name}"}}'.encode())
    assert PATTERN.search(some.cpr.encode())
    assert not PATTERN.search(b"2026-09-21T05:00:00+02:00 offset 1234567890 5f0c2d1e-7503-4512-8412-000000000000")


def test_the_calendar_knows_week_53() -> None:
    calendar = World(1, 500, ["751"], first_week="2026-W52").calendar
    assert [calendar.label(week) for week in (1, 2, 3)] == ["2026-W52", "2026-W53", "2027-W01"]
    assert calendar.monday(2) == date(2026, 12, 28)


def test_impossible_worlds_are_refused() -> None:
    with pytest.raises(ValueError, match="municipality"):
        World(1, 500, ["999"])
    with pytest.raises(ValueError, match="weeks"):
        World(1, 500, ["751"]).act(0)
