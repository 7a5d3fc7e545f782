"""Figures: each printed and appended to a file as soon as it is known, and all of them in one table at the end."""

import json
import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table


class Figure(msgspec.Struct, frozen=True):
    """One measured figure. `ratio` is ours against the baseline, so that `goal` can be said of it; None where there is none."""

    name: str
    ours: float
    unit: str
    baseline: float | None = None
    against: str = ""
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None
    detail: dict[str, float] = {}


class Results:
    """Figures of one run, kept in a file line by line."""

    def __init__(self, size: str, file: Path) -> None:
        self.size = size
        self.file = file
        self.figures: list[Figure] = []

    def add(self, figure: Figure) -> None:
        """A figure is known."""
        self.figures.append(figure)
        line = {"at": time.strftime("%FT%T"), "size": self.size} | msgspec.to_builtins(figure)
        with self.file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
        against = f", {figure.against} {figure.baseline:,.1f}, ratio {figure.ratio:.2f}" if figure.ratio is not None else ""
        more = "".join(f"\n      {name}: {amount:,.1f}" for name, amount in figure.detail.items())
        print(f"  {figure.name}: {figure.ours:,.1f} {figure.unit}{against}{more}", flush=True)

    def medians(self) -> list[Figure]:
        """One figure of each name: where there are several, the one in the middle."""
        found: dict[str, list[Figure]] = {}
        for each in self.figures:
            found.setdefault(each.name, []).append(each)
        return [sorted(group, key=lambda each: each.ours)[len(group) // 2] for group in found.values()]

    def json(self) -> str:
        """All figures for machines."""
        return msgspec.json.format(msgspec.json.encode(self.medians())).decode()

    def table(self) -> str:
        """All figures as plain text, medians where something was measured several times."""
        table = Table(title=f"size: {self.size}", title_justify="left")
        for heading in ("figure", "ours", "unit", "baseline", "against", "ratio", "goal", "met"):
            table.add_column(heading, justify="right" if heading in ("ours", "baseline", "ratio") else "left")
        for each in self.medians():
            met = {True: "yes", False: "NO", None: ""}[each.met]
            numbers = [f"{each.ours:,.1f}", each.unit, _shown(each.baseline), each.against, _shown(each.ratio, 2)]
            table.add_row(each.name, *numbers, each.goal, met)
        console = Console(width=160, record=True, quiet=True)
        console.print(table)
        return console.export_text()


def _shown(number: float | None, digits: int = 1) -> str:
    return "" if number is None else f"{number:,.{digits}f}"
