"""Commands of auditor, approver and clerk."""

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


@click.group()
def catalogue() -> None:
    """The catalogue of codes and rules. Active only after approval over its digest."""


@catalogue.command("list")
@acting_as("approver", "Whose credential.")
@as_json
def list_catalogues(principal: str, as_json: bool) -> None:
    """Catalogues, their digests, and who approved them."""
    show(call("screening", principal, "GET", "/catalogues"), ["id", "digest", "approved_by", "approved_at"], as_json)


@catalogue.command()
@acting_as("approver", "Whose credential.")
@click.argument("name")
@click.option("--digest", required=True, help="The digest that was read and agreed on.")
def approve(principal: str, name: str, digest: str) -> None:
    """Approve exactly this catalogue."""
    call("screening", principal, "POST", f"/catalogues/{name}/approve", {"digest": digest})
    click.echo(f"catalogue {name} is approved")


@click.group()
def identity() -> None:
    """The queue of persons that could not be identified."""


@identity.command()
@acting_as("clerk", "Whose credential.")
@as_json
def waiting(principal: str, as_json: bool) -> None:
    """Who waits."""
    show(call("identity", principal, "GET", "/waiting"), ["pseudonym", "kind", "since"], as_json)


@identity.command()
@acting_as("clerk", "Whose credential.")
@click.argument("pseudonym")
@click.option(
    "--cpr", prompt=True, hide_input=True, help="The person's number; asked for, so that it stays out of the shell's history."
)
def link(principal: str, pseudonym: str, cpr: str) -> None:
    """Say who it is."""
    call("identity", principal, "POST", f"/waiting/{pseudonym}/link", {"cpr": cpr})
    click.echo(f"{pseudonym} is linked")


@identity.command()
@acting_as("clerk", "Whose credential.")
@click.argument("pseudonym")
@click.option("--reason", required=True)
def close(principal: str, pseudonym: str, reason: str) -> None:
    """Say that nobody can find out who it is; the records stay, counted as unidentifiable."""
    call("identity", principal, "POST", f"/waiting/{pseudonym}/close", {"reason": reason})
    click.echo(f"{pseudonym} is closed")


COMMANDS: list[click.Command] = [audit, catalogue, identity]
