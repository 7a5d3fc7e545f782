"""Commands of the clerk who finds out who somebody is."""

import click

from services.commands.common import acting_as, as_json, call, show

CLOSE = click.Choice(["no_register_match", "not_a_person", "foreign_no_residence", "false_identity"])


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
@click.option("--reason", type=CLOSE, required=True)
def close(principal: str, pseudonym: str, reason: str) -> None:
    """Say that nobody can find out who it is; the records stay, counted as unidentifiable."""
    call("identity", principal, "POST", f"/waiting/{pseudonym}/close", {"reason": reason})
    click.echo(f"{pseudonym} is closed")


@identity.command()
@acting_as("clerk", "Whose credential.")
@as_json
def linked(principal: str, as_json: bool) -> None:
    """What was linked."""
    show(call("identity", principal, "GET", "/linked"), ["pseudonym", "kind", "actor", "at"], as_json)


@identity.command()
@acting_as("clerk", "Whose credential.")
@click.argument("pseudonym")
def unlink(principal: str, pseudonym: str) -> None:
    """Take a wrong link back: whoever it is waits again, and letters that rested on it are corrected."""
    call("identity", principal, "POST", f"/linked/{pseudonym}/undo")
    click.echo(f"{pseudonym} is not linked any more")


COMMANDS: list[click.Command] = [identity]
