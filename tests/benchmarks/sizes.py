"""The three sizes, and the world of each: the same stories whatever the size, so that some 70 letters come out of a week."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from events.municipalities import DISTRICTS
from services.simulator.world import World

SEED = 7
STORIES_PER_WEEK = 1
"""One instance of every story a week makes some 70 letters; the country has 40 to 80 a week (public figures)."""
PERSONS = {"full": 5_900_000, "tenth": 590_000, "hundredth": 59_000}
"""Persons in the register. History has about one record per person, a week one per hundred."""


@dataclass(frozen=True)
class Bench:
    """One size: its world and the folder in which its files lie."""

    size: str
    world: World
    staging: Path

    def write(self, week: int) -> None:
        """Write a week's files unless they are there already (the world is the same each time)."""
        kept = self.staging / f"week-{week}.written"
        if not kept.exists():
            self.world.deliverables(week, self.staging)
            kept.touch()

    def extracts(self, week: int) -> list[Path]:
        """Manifests of a week's extracts; week 0 is the history."""
        return [self.staging / "police" / f"{district}-{week + 1:05d}.manifest.json" for district in DISTRICTS]

    def register(self, number: int) -> Path:
        """Manifest of a register delivery: 1 everybody, 2 institutions, 2w+1 and 2w+2 the changes before and after a run."""
        return self.staging / "register" / f"register-{number:05d}.manifest.json"


def bench(size: str, folder: Path) -> Bench:
    """The world of a size, in a folder that may hold it already."""
    staging = folder / size / "staging"
    staging.mkdir(parents=True, exist_ok=True)
    return Bench(size, World(SEED, PERSONS[size], stories_per_week=STORIES_PER_WEEK), staging)


def hand_over(manifests: Iterable[Path], inbox: Path) -> None:
    """Put deliveries into the inbox, data first, by hard link where that is possible: copying them is no part of any figure."""
    for manifest in manifests:
        stem = manifest.name.removesuffix(".manifest.json")
        for source in (manifest.with_name(f"{stem}.csv"), manifest.with_name(f"{stem}.jsonl"), manifest):
            if source.exists():
                _link(source, inbox / source.parent.name / source.name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target.with_suffix(".part"))
        target.with_suffix(".part").rename(target)
