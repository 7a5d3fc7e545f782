"""Commands of the operator after a restore: find out what had left, and decide what only a person can know."""

import click

from services.commands.common import as_json, call, show

COLUMNS = ["message_id", "state", "municipality", "kind", "week", "sent_at", "answers", "facts"]


@click.group()
def restore() -> None:
    """After the database was restored (`make restore`): what had left already, so that nothing is told twice."""


@restore.command()
@click.option("--without-journal", is_flag=True, help="There is no dispatch journal: letters may leave a second time.")
@as_json
def reconcile(without_journal: bool, as_json: bool) -> None:
    """Read the dispatch journal, remember what left after the backup, and let sending go on. Again does no harm.

    Exit code 1: there is no journal, or it was altered.
    """
    answer = call("delivery", "operator", "POST", "/restore/reconcile", {"without_journal": without_journal})
    show([answer], ["known", "left", "unconfirmed", "answers"], as_json)


@restore.command("list")
@as_json
def list_letters(as_json: bool) -> None:
    """Letters that left after the backup. `unconfirmed`: nobody answered, ask the municipality whether it has this message."""
    show(call("delivery", "operator", "GET", "/restore/letters"), COLUMNS, as_json)


@restore.command()
@click.argument("message_id")
@click.option("--left", "state", flag_value="left", help="The municipality has it: do not send it again.")
@click.option("--closed", "state", flag_value="closed", help="It never left, or needs no comparing any more: send what waits.")
@as_json
def settle(message_id: str, state: str | None, as_json: bool) -> None:
    """Say what you found out about one of these letters."""
    if state is None:
        raise click.UsageError("say --left or --closed")
    show([call("delivery", "operator", "POST", f"/restore/letters/{message_id}", {"state": state})], COLUMNS, as_json)


COMMANDS: list[click.Command] = [restore]
