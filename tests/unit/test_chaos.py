"""What the chaos run counts and forgives: only strikes that hit are survived, and only what nobody can know is not expected."""

from collections import Counter
from concurrent.futures import Future
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from services.runtime.errors import Transient
from tests.chaos.__main__ import table
from tests.chaos.campaign import Result
from tests.chaos.engine_disk import refused, sizes
from tests.chaos.planted import DeadLetter, Planted, Spot, Which, digest
from tests.chaos.striker import Striker
from tests.chaos.strikes import Simple
from tests.chaos.tally import Struck, Tally

HERE = Spot("chaos.case", 0, 7)
READERS = ("notification", "delivery")


def test_only_what_is_known_to_have_hit_is_survived() -> None:
    tally, later, failed = Tally(), Future[bool](), Future[bool]()
    for struck in (True, False, later, failed):
        tally.add("kill", struck)
    assert (tally.hits, tally.missed) == (Counter(kill=1), Counter(kill=1))
    later.set_result(True)
    failed.set_exception(OSError())
    assert (tally.hits, tally.missed) == (Counter(kill=2), Counter(kill=2))


def strike(act: Any) -> tuple[Tally, list[str]]:
    """What is counted, and what is violated, when this is the only strike."""
    violations: list[str] = []
    scene: Any = SimpleNamespace(tally=Tally(), violation=violations.append)
    Striker(scene, [Simple("strike", 1, act)], 1, 1.0)._strike()
    return scene.tally, violations


def fails(error: Exception) -> Any:
    def act(scene: Any, chance: Random) -> Struck:
        raise error

    return act


def test_a_strike_that_another_is_in_the_way_of_missed() -> None:
    tally, violations = strike(fails(Transient("away")))
    assert (tally.hits, tally.missed, violations) == (Counter(), Counter(strike=1), [])


def test_a_strike_that_fails_otherwise_is_a_defect_of_the_harness() -> None:
    tally, violations = strike(fails(KeyError("x")))
    assert (tally.hits, tally.missed, len(violations)) == (Counter(), Counter(strike=1), 1)


def test_what_hit_and_what_missed_is_shown_apart() -> None:
    result = Result(1, strikes={"kill": 3}, missed={"kill": 2, "pause": 4})
    assert result.survived == result.document()["survived"] == 3
    lines = table(result).splitlines()
    assert "       3      2 kill" in lines
    assert "       0      4 pause" in lines


@pytest.fixture
def planted() -> Planted:
    """One message, for two readers, at HERE."""
    found = Planted()
    found.confirm(found.announce(READERS, "case", b"x"), HERE)
    return found


def which(reader: str) -> Which:
    return Which(reader, "case", digest(b"x"))


def test_what_was_sent_is_expected_and_what_was_only_announced_is_known(planted: Planted) -> None:
    (other,) = planted.announce(["delivery"], "case", b"y")
    assert planted.expected == {which(reader) for reader in READERS}
    assert planted.knows(other)
    assert not planted.awaited(other)


@pytest.mark.parametrize(("topic", "partition", "end"), [("chaos.case", 0, 8), ("chaos.case", 1, 0), ("chaos.state", 0, 0)])
def test_a_loss_elsewhere_excuses_nobody(planted: Planted, topic: str, partition: int, end: int) -> None:
    planted.lose(topic, partition, end)
    assert planted.expected == {which(reader) for reader in READERS}


def test_a_loss_excuses_who_had_not_set_it_aside(planted: Planted) -> None:
    planted.saw([DeadLetter(1, which("delivery"), "corrupt", True)])
    planted.lose(*HERE)
    assert planted.expected == {which("delivery")}
    assert not planted.awaited(which("notification"))
    later = planted.announce(READERS, "case", b"z")
    planted.confirm(later, HERE)
    assert planted.expected == {which("delivery"), *later}, "what is sent after the loss gets the same offset"


def test_what_was_lost_and_is_set_aside_all_the_same_must_stay(planted: Planted) -> None:
    planted.lose_everything()
    assert planted.expected == set()
    planted.saw([DeadLetter(1, which("delivery"), "corrupt", True), DeadLetter(2, Which("audit", "case", "0"), "corrupt", True)])
    assert planted.expected == {which("delivery")}


@pytest.mark.parametrize(
    ("engine", "log", "line"),
    [
        ("kafka", "kafka.log", "java.io.IOException: No space left on device"),
        ("postgres", "postgres.log", "2026-11-24 10:00:00.000 UTC audit 53100 PANIC:  could not write to file"),
        ("postgres", "audit-2.log", '{"error": "OperationalError sqlstate=53100 constraint=None"}'),
    ],
)
def test_a_full_disk_was_felt_when_somebody_says_so_after_it_was_full(tmp_path: Path, engine: str, log: str, line: str) -> None:
    (tmp_path / log).write_text(f"{line}\n")
    before = sizes(tmp_path)
    assert not refused(engine, tmp_path, before)
    with (tmp_path / log).open("a") as file:
        file.write(f"{line}\n")
    assert refused(engine, tmp_path, before)
    assert not refused({"kafka": "postgres", "postgres": "kafka"}[engine], tmp_path, before)
