"""`python -m tests.chaos`: the weekly run again and again, under strikes drawn from a seed, compared with the truth."""

import json
import logging
import shutil
import sys
import tempfile
from pathlib import Path

import click

from tests.chaos.campaign import Campaign, Plan, Result
from tests.chaos.strikes import every

log = logging.getLogger(__name__)
EXIT_SHORT = 3


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--seed", default=1, help="Reproduces the sequence of strikes.")
@click.option("--strikes", default=1_000, help="Stop when so many strikes have hit…")
@click.option("--weeks", default=100, help="…or so many weeks were run…")
@click.option("--minutes", default=45.0, help="…or after so long.")
@click.option("--rate", default=2.0, help="Strikes per second.")
@click.option("--look", default=4, help="Weeks between two looks at the end state.")
@click.option("--copies", default=2, help="Copies of every service.")
@click.option("--only", default="", help="Only strikes whose name holds this text.")
@click.option("--keep", is_flag=True, help="Keep the state folder, to read the logs.")
@click.option("--json", "as_json", is_flag=True, help="The result as one JSON document.")
def main(
    seed: int, strikes: int, weeks: int, minutes: float, rate: float, look: int, copies: int, only: str, keep: bool, as_json: bool
) -> None:
    """Run weeks under attack. Exit code 0: nothing lost, nothing doubled, all accounted for; 1: something was; 2: wrong usage;
    3: the time was over before all strikes and weeks that were asked for, or no strike hit.
    """
    if not any(only in each.name for each in every(engines=True)):
        raise click.BadParameter(f"no strike's name holds {only!r}: {', '.join(each.name for each in every(engines=True))}")
    folder = Path(tempfile.mkdtemp(prefix="socialsog-chaos-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user where we are root, and must pass through
    plan = Plan(seed, strikes, weeks, minutes * 60, rate, look, copies, only)
    say = (lambda line: click.echo(line, err=True)) if as_json else click.echo
    result = Campaign(plan, folder, say).run()
    if keep or result.violations:
        say(f"state kept in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    click.echo(json.dumps(result.document(), indent=2) if as_json else table(result))
    whole = result.survived >= strikes or result.weeks >= weeks and result.survived > 0
    sys.exit(1 if result.violations else 0 if whole else EXIT_SHORT)


def table(result: Result) -> str:
    """The result for people."""
    lines = ["", f"seed {result.seed}: {result.survived} strikes survived in {result.weeks} weeks, {result.seconds:.0f} s", ""]
    hits, missed = result.strikes, result.missed
    lines += ["     hit missed"]
    names = sorted(hits | missed, key=lambda name: -hits.get(name, 0))
    lines += [f"  {hits.get(name, 0):6} {missed.get(name, 0):6} {name}" for name in names]
    lines += ["", *(f"  {count:6} {name}" for name, count in result.kinds.items()), ""]
    lines += [f"VIOLATION {each}" for each in result.violations] or ["no violations"]
    lines.append(f"{result.redriven} dead letters that nobody planted were redriven: readers killed three times in a row")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
