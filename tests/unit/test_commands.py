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
