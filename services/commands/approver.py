"""Commands of the approver of catalogues."""

import click

from services.commands.common import acting_as, as_json, call, show


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


COMMANDS: list[click.Command] = [catalogue]
