"""`socialsog alarms`: what needs a person now. Its exit codes are those of monitoring plug-ins, for a watch from outside."""

import sys
from typing import Any

import click

from services.commands.common import acting_as, as_json, call, show

EXIT_WARN = 1
"""At least one alarm, none of them escalated."""
EXIT_ESCALATED = 2
"""An alarm is escalated, or the scheduler has not looked for three periods: then nobody knows of any alarm."""


@click.command()
@acting_as("operator", "Whose credential: operator or auditor.")
@as_json
def alarms(principal: str, as_json: bool) -> None:
    """Alarms that hold, and when the scheduler last looked.

    \b
    Exit codes: 0 none · 1 warnings · 2 escalated, or the scheduler does not look any more
    69 screening does not answer (for a watch outside: as bad as 2)
    """
    answer = call("screening", principal, "GET", "/alarms")
    if as_json:
        show(answer, [], True)
    else:
        _print(answer)
    sys.exit(exit_code(answer))


def exit_code(answer: dict[str, Any]) -> int:
    """What a watch outside needs to know."""
    levels = {each["level"] for each in answer["alarms"]}
    if answer["late"] or "escalate" in levels:
        return EXIT_ESCALATED
    return EXIT_WARN if levels else 0


def _print(answer: dict[str, Any]) -> None:
    show(answer["alarms"], ["level", "kind", "subject", "detail", "raised_at", "escalated_at"], False)
    for each in answer["looks"]:
        click.echo(f"scheduler, {each['name']}: {each['seconds_ago']:.0f} seconds ago, took {each['took_ms']} ms")
    if answer["late"]:
        period = 3 * answer["period_seconds"]
        click.echo(f"SCHEDULER LATE: no look for alarms within {period:.0f} seconds; see screening's log", err=True)


COMMANDS: list[click.Command] = [alarms]
