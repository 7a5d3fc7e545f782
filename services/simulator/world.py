"""A reproducible synthetic world: the same seed and size give the same bytes, and week 1 stays week 1 for
any number of weeks.

The driver asks for the deliverables of a week, moves the clock to each one's moment and hands it to the
inbox. Week 0 is the past: the full register, the institutions, and every district's first extract. See
docs/simulator.md.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal

from events.municipalities import DISTRICTS, MUNICIPALITIES
from services.simulator import truth_writer
from services.simulator.background import Background
from services.simulator.cast import Cast
from services.simulator.extract_writer import write_extracts
from services.simulator.households import Population
from services.simulator.people import Institution, Person
from services.simulator.register_writer import RegisterKind, institutions, write_register
from services.simulator.rows import Planted, Row
from services.simulator.stage import CYCLE, Act, Phase, Stage
from services.simulator.stories import STORIES
from services.simulator.stories.brakes import flood, missing_district
from services.simulator.stories.registry import Story
from services.simulator.truth import Effect
from services.simulator.weeks import LAST_WEEK, Calendar

PERSONS_PER_STORY = 25_000
"""So many persons give one instance of every story a week, beside the one that every cycle has anyway."""
MOST_STORIES = 20
"""Instances of one story a week at most: reality has 40 to 80 notifications a week in the whole country."""
REGISTER_AT, FIRST_EXTRACT_AT, AFTER_RUN_AT = timedelta(minutes=30), timedelta(hours=1), timedelta(hours=20)
"""After the end of the week, on the Monday: the run is at 05:00, the decisions on Tuesday at 12:00."""
BETWEEN_EXTRACTS = timedelta(minutes=5)


@dataclass(frozen=True)
class Deliverable:
    """Something to put into the inbox at `moment`: the data file (None when it has no rows), then the manifest."""

    moment: datetime
    kind: Literal["register", "institutions", "extract"]
    folder: Literal["police", "register"]
    manifest: Path
    data: Path | None
    week: int

    def hand_over(self, inbox: Path) -> Path:
        """Copy it into the inbox, data first, manifest last by rename; the manifest's place there."""
        target = inbox / self.folder
        target.mkdir(parents=True, exist_ok=True)
        if self.data:
            shutil.copyfile(self.data, target / self.data.name)
        unfinished = target / f".{self.manifest.name}"
        shutil.copyfile(self.manifest, unfinished)
        return unfinished.rename(target / self.manifest.name)


class World:
    """See the module. `missing` is (week, district): that extract comes a week late; `flood_week` floods a week."""

    def __init__(
        self,
        seed: int,
        persons: int = 50_000,
        municipalities: Sequence[str] | None = None,
        first_week: str = "2026-W38",
        *,
        flood_week: int | None = None,
        missing: tuple[int, str] | None = None,
        stories_per_week: int | None = None,
    ) -> None:
        """`persons` counts all in the full register. Raises ValueError for an unknown municipality or week."""
        known = {item.code for item in MUNICIPALITIES}
        if municipalities is not None and not (municipalities and known.issuperset(municipalities)):
            raise ValueError("unknown municipality")
        self.seed, self.municipalities = seed, tuple(municipalities or sorted(known))
        self.calendar = Calendar(first_week)
        self.flood_week, self.missing = flood_week, missing
        self.persons = persons
        self.instances = min(MOST_STORIES, persons // PERSONS_PER_STORY) if stories_per_week is None else stories_per_week
        self.act = lru_cache(maxsize=8)(self._act)
        cast_of_first_weeks = sum(len(self.act(week).people) for week in range(1, CYCLE + 1))
        self.population = Population(seed, max(0, persons - cast_of_first_weeks), self.municipalities)
        self._background = Background(seed, self.population, self.calendar)

    # what is in it

    def register(self) -> Iterator[Person]:
        """Everybody in the full register, in a stream."""
        for week in range(1, CYCLE + 1):
            yield from self.act(week).people
        yield from self.population.people()

    def institutions(self) -> Iterator[Institution]:
        """The list of institutions and shelters."""
        yield from institutions(self.municipalities)

    def register_changes(self, week: int, phase: Phase) -> list[Person]:
        """Register changes of a week, before its run or after it; one line per person, its newest state."""
        arriving = self.act(week + 1).people if phase == "before" and week + 1 > CYCLE else []
        told = [
            change.person
            for act in self._acts_near(week)
            for change in act.changes
            if (change.week, change.phase) == (week, phase)
        ]
        return list({person.cpr: person for person in [*arriving, *told]}.values())

    def background(self, week: int) -> Iterator[Row]:
        """Background rows of a week's extracts; week 0 is the history."""
        return self._background.history() if week == 0 else self._background.week(week)

    def planted(self, week: int) -> list[Planted]:
        """The stories' rows of a week's extracts."""
        return [item for act in self._acts_near(week) for item in act.rows if item.week == week]

    def effects(self, week: int) -> list[Effect]:
        """What is expected of a week."""
        label = self.calendar.label(week)
        return [effect for act in self._acts_near(week) for effect in act.effects if effect.week == label]

    # what is delivered

    def deliverables(self, week: int, staging: Path) -> list[Deliverable]:
        """Write a week's files and truth under `staging`; what to deliver, in the order of the moments."""
        found = self._past(staging) if week == 0 else self._changes(week, staging)
        for place, (district, manifest) in enumerate(self._extracts(week, staging).items()):
            if self.missing != (week, district):
                found.append(self._deliverable("extract", manifest, week, FIRST_EXTRACT_AT + place * BETWEEN_EXTRACTS))
        if self.missing and self.missing[0] == week - 1:
            late = self._extract_path(staging, *self.missing)
            if not late.exists():
                self._extracts(week - 1, staging)
            found.append(self._deliverable("extract", late, week, FIRST_EXTRACT_AT - BETWEEN_EXTRACTS))
        return sorted(found, key=lambda item: item.moment)

    def write_register(self, staging: Path) -> list[Deliverable]:
        """The full register and the institutions (sequences 1 and 2)."""
        return self._past(staging)

    def write_history(self, staging: Path) -> list[Deliverable]:
        """Every district's first extract."""
        return [item for item in self.deliverables(0, staging) if item.kind == "extract"]

    def _past(self, staging: Path) -> list[Deliverable]:
        return [
            self._register("full", 1, 0, timedelta(), staging, self.register()),
            self._register("institutions", 2, 0, REGISTER_AT / 2, staging, self.institutions()),
        ]

    def _changes(self, week: int, staging: Path) -> list[Deliverable]:
        before, after = self.register_changes(week, "before"), self.register_changes(week, "after")
        return [
            self._register("changes", 2 * week + 1, week, REGISTER_AT, staging, iter(before)),
            self._register("changes", 2 * week + 2, week, AFTER_RUN_AT, staging, iter(after)),
        ]

    def _register(
        self,
        kind: RegisterKind,
        sequence: int,
        week: int,
        offset: timedelta,
        staging: Path,
        lines: Iterator[Person] | Iterator[Institution],
    ) -> Deliverable:
        manifest = write_register(staging / "register", kind, sequence, self.calendar.end(week) + offset, lines)
        return self._deliverable("institutions" if kind == "institutions" else "register", manifest, week, offset)

    def _extracts(self, week: int, staging: Path) -> dict[str, Path]:
        written, rows, counts = write_extracts(
            staging / "police",
            DISTRICTS,
            week + 1,
            self.calendar.end(week),
            self.background(week),
            self.planted(week),
            self.seed,
        )
        truth_writer.write(staging, week, self.effects(week) if week else [], rows, counts)
        return written

    def _deliverable(
        self,
        kind: Literal["register", "institutions", "extract"],
        manifest: Path,
        week: int,
        offset: timedelta,
    ) -> Deliverable:
        stem = manifest.name.removesuffix(".manifest.json")
        data = next(
            (path for ending in ("csv", "jsonl") if (path := manifest.with_name(f"{stem}.{ending}")).exists()),
            None,
        )
        folder: Literal["police", "register"] = "police" if kind == "extract" else "register"
        return Deliverable(self.calendar.end(week) + offset, kind, folder, manifest, data, week)

    def _extract_path(self, staging: Path, week: int, district: str) -> Path:
        return staging / "police" / f"{district}-{week + 1:05d}.manifest.json"

    # how it is planned

    def _acts_near(self, week: int) -> list[Act]:
        """The start weeks whose stories reach into a week: up to two before, and the one after (its past)."""
        first, last = max(1, week - CYCLE + 1), CYCLE if week == 0 else week + 1
        return [self.act(start) for start in range(first, last + 1)]

    def _act(self, week: int) -> Act:
        if not 1 <= week <= LAST_WEEK:
            raise ValueError(f"weeks 1 to {LAST_WEEK}")
        stage = Stage(self.seed, week, self.calendar, self.municipalities, self.missing)
        for place, story in enumerate(STORIES):
            for number in range(self._instances(place, story, week)):
                story.write(Cast(stage, story.name, number))
        if self.missing and self.missing[0] == week:
            missing_district(stage, self.missing[1], 1 + self.instances)
        if self.flood_week == week:
            flood(stage, self.persons)
        return stage.act

    def _instances(self, place: int, story: Story, week: int) -> int:
        """Instances that start in a week: the regular ones, and one per cycle, early enough to end in it."""
        if week < story.earliest or (story.latest and week > story.latest):
            return 0
        first = min(story.earliest - 1, CYCLE - story.span)
        turn = first + place % (CYCLE - story.span - first + 1)
        if story.latest:
            return 1 + self.instances
        return self.instances + ((week - 1) % CYCLE == turn)
