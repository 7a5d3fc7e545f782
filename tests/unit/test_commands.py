"""The exit codes of `socialsog`, for whoever calls it from a schedule; no system behind it."""

from typing import Any

import pytest
from click.testing import CliRunner

from services.cli import main
from services.commands import operator

WEEK = "2026-W38"


@pytest.mark.parametrize(("status", "code"), [("finished", 0), ("braked", 0), ("waiting", 0), ("refused", 1)])
@pytest.mark.parametrize("options", [["--week", WEEK], ["--due"], ["--week", WEEK, "--json"]])
def test_a_run_that_is_refused_ends_with_1_and_says_why(
    monkeypatch: pytest.MonkeyPatch, options: list[str], status: str, code: int
) -> None:
    answer = {"week": WEEK, "status": status, "added": False, "candidates": 0, "detail": "the reason", "waits_for": []}

    def call(*_: Any) -> Any:
        return [answer] if "--due" in options else answer

    monkeypatch.setattr(operator, "call", call)
    result = CliRunner().invoke(main, ["run", *options])
    assert result.exit_code == code
    assert (f"week {WEEK} was not run: the reason" in result.output) == (status == "refused")
    assert status in result.output


class Doors:
    """The doors of a reader that lacks something and of whoever wrote it."""

    def __init__(self, topic: str, lacks: int | None, then: int = 20) -> None:
        self.then = then
        self.letter: dict[str, Any] = {"id": 5, "topic": topic, "partition": 0, "lacks": lacks, "created_at": "Monday"}
        self.calls: list[tuple[str, str, Any]] = []

    def call(self, service: str, _: str, method: str, path: str, body: Any = None, **query: Any) -> Any:
        if method == "GET":
            return [dict(self.letter)]
        self.calls.append((service, path, body or query))
        self.letter["lacks"] = self.then
        return {"through": 19}


REDRIVE = "/dead-letters/5/redrive"
AGAIN = {"topic": "intake.extract.v1", "partition": 0, "first": 17}


@pytest.mark.parametrize(
    ("topic", "lacks", "calls"),
    [
        ("intake.extract.v1", None, [("screening", "/dead-letters/5/redrive", {"through": None})]),
        (
            "intake.extract.v1",
            17,
            [("intake", "/outbox/again", AGAIN), ("screening", "/dead-letters/5/redrive", {"through": 19})],
        ),
        ("municipality.101.receipt.v1", 17, [("screening", "/dead-letters/5/redrive", {"through": 0})]),
    ],
)
def test_what_could_not_be_read_is_first_published_again(
    monkeypatch: pytest.MonkeyPatch, topic: str, lacks: int | None, calls: list[Any]
) -> None:
    doors = Doors(topic, lacks)
    monkeypatch.setattr(operator, "call", doors.call)
    result = CliRunner().invoke(main, ["dead-letters", "redrive", "screening", "5"])
    assert (result.exit_code, doors.calls) == (0, calls)
    assert ("municipality-101 has written it: ask there" in result.output) == topic.startswith("municipality")


def test_nobody_waits_for_ever_for_what_is_published_again(monkeypatch: pytest.MonkeyPatch) -> None:
    doors = Doors("intake.extract.v1", 17, then=17)
    monkeypatch.setattr(operator, "call", doors.call)
    monkeypatch.setattr(operator, "AGAIN_SECONDS", -1.0)
    result = CliRunner().invoke(main, ["dead-letters", "redrive", "screening", "5"])
    assert (result.exit_code, doors.calls) == (1, [("intake", "/outbox/again", AGAIN)])
    assert "still on the way" in result.output
