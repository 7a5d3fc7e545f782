"""`socialsog …`: every command line of the system. Thin: each command opens one door of one service with one credential."""

import click

from services.commands import alarms, approver, auditor, clerk, doctor, operator, restore, reviewer


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="socialsog")
def main() -> None:
    """Weekly screening and notification of municipalities (Socialsøg).

    Acute danger is never routed through this system: telephone the municipality's social duty desk.

    \b
    Exit codes: 0 done · 1 refused, with the reason · 2 wrong usage · 4 ledger not balanced
    5 audit log altered (`alarms`: 1 warnings, 2 escalated) · 69 a service does not answer · 78 a setting or secret is missing
    """


for user in (operator, doctor, alarms, restore, reviewer, approver, clerk, auditor):
    for command in user.COMMANDS:
        main.add_command(command)

if __name__ == "__main__":
    main()
