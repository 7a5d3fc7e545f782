"""Commands of the auditor: ask the log, and check that nobody altered it. Asking is itself an entry."""

from typing import Any

import click

from services.commands.common import acting_as, as_json, call, refuse, show

AUDITOR = acting_as("auditor", "Whose credential.")
EXIT_ALTERED = 5
"""The audit log does not verify."""


@click.group()
def audit() -> None:
    """Ask the audit log. Asking is itself an entry."""


@audit.command()
@AUDITOR
@click.option("--person", help="Pseudonym; entries under any other pseudonym of the same person are found too.")
@click.option("--case", "case_id")
@click.option("--run", "run_id")
@click.option("--week")
@click.option("--actor")
@click.option("--municipality")
@click.option("--verb", type=click.Choice(["collection", "alteration", "consultation", "disclosure", "combination", "erasure"]))
@click.option("--since", help="ISO moment.")
@click.option("--until", help="ISO moment.")
@click.option("--limit", type=int, default=100, show_default=True)
@as_json
def query(principal: str, case_id: str | None, run_id: str | None, as_json: bool, **filters: Any) -> None:
    """Entries by person, case, run, actor, municipality, verb and time."""
    answer = call("audit", principal, "GET", "/entries", case=case_id, run=run_id, **filters)
    rows = answer["entries"] if isinstance(answer, dict) else answer
    show(rows, ["position", "at", "source", "verb", "action", "actor", "purpose", "case_id", "week", "municipality"], as_json)


@audit.command()
@AUDITOR
@as_json
def verify(principal: str, as_json: bool) -> None:
    """Recompute the chain over the whole log. Exit 5: the log was altered."""
    answer = call("audit", principal, "GET", "/verify")
    show([answer], sorted(answer), as_json)
    if not answer.get("ok"):
        raise refuse("the log does not verify", EXIT_ALTERED)


@audit.command()
@AUDITOR
@as_json
def sources(principal: str, as_json: bool) -> None:
    """Per service: entries appended, waiting, and whether one is missing."""
    show(call("audit", principal, "GET", "/sources"), ["source", "appended", "waiting", "gap"], as_json)


COMMANDS: list[click.Command] = [audit]
