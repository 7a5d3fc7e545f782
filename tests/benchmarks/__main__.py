"""`python -m tests.benchmarks`: all figures of one size, on engines that are started for it."""

import tempfile
from pathlib import Path

import click

from services.simulator.case_systems import CaseSystems
from tests.benchmarks import load, week
from tests.benchmarks.meter import Meter
from tests.benchmarks.results import Figure, Results
from tests.benchmarks.sizes import PERSONS, Bench, bench
from tests.benchmarks.town import Town

FILE = Path("benchmarks.jsonl")
MOST_MEBIBYTES = 300
"""What a service may take at national size."""
ENGINES = ("kafka", "postgres")


@click.command()
@click.option("--size", type=click.Choice(list(PERSONS)), default="hundredth", show_default=True, help="Of the country.")
@click.option("--world", type=click.Path(path_type=Path), help="Folder that keeps the synthetic world for the next time.")
@click.option("--state", type=click.Path(path_type=Path), help="Folder that keeps the loaded system for the next time.")
@click.option("--weeks", default=2, show_default=True, help="Weeks that are measured after the first one.")
@click.option("--results", "file", type=click.Path(path_type=Path), default=FILE, help="Where each figure is appended.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON instead of as a table.")
def main(size: str, world: Path | None, state: Path | None, weeks: int, file: Path, as_json: bool) -> None:
    """Measure intake, screening, a whole week and the first load beside their baselines, and the memory of each process."""
    with tempfile.TemporaryDirectory(prefix="socialsog-bench-", ignore_cleanup_errors=True) as spare:
        Path(spare).chmod(0o711)
        results = Results(size, file)
        chosen = bench(size, world or Path(spare))
        for number in range(weeks + 2):
            chosen.write(number)
        print(f"size {size}: {chosen.world.persons:,} persons", flush=True)
        with Town((state or Path(spare)) / f"{size}-state", keep=state is not None) as town, Meter(town.pids) as meter:
            _measure(town, chosen, meter, results, weeks)
        print(results.json() if as_json else results.table())


def _measure(town: Town, chosen: Bench, meter: Meter, results: Results, weeks: int) -> None:
    with CaseSystems(town.settings):
        done = town.read_register()
        if done == 0:
            load.register(town, chosen, meter, results)
        if town.read_extracts() == 0:
            load.history(town, chosen, meter, results)
        ran = int(town.ask("SELECT count(*) FROM screening.run"))
        if ran == 0:
            week.first(town, chosen, meter, results)
        for number in range(max(ran, 1) + 1, max(ran, 1) + 1 + weeks):
            chosen.write(number)
            week.measured(town, chosen, meter, results, number)
    for name, peak in sorted(meter.peaks.items()):
        ours = not name.startswith(ENGINES)
        goal, met = (f"under {MOST_MEBIBYTES}", peak < MOST_MEBIBYTES) if ours else ("", None)
        results.add(Figure(f"memory: {name}", peak, "MiB", goal=goal, met=met))


if __name__ == "__main__":
    main()
