"""What a strike is, and where new ones go.

A strike is one fault that is done to a running system. A module `tests/chaos/strike_<what>.py` (services, messages, people) or
`tests/chaos/engine_<what>.py` (Kafka, PostgreSQL, disk, network) offers a list `STRIKES`; all such modules are found by name.

`hit(scene, chance)` does it and says whether it hit: had its effect. Where there was nothing to strike, or where nobody felt it,
it missed, which is counted apart. It must draw everything random from `chance`, which is made from the seed and the strike's
number, so that a seed gives the same sequence of choices again. It should return within a second or so; what has to be mended
later is left to `scene.later(seconds, mend)`, which mends in a thread of its own, at once when the strikes are interrupted for a
look at the end state. Where only the mending knows whether it hit, `hit` returns what `later` gave it. A strike that makes two of
a kind impossible takes a name: `scene.take("kafka")` is False while somebody else has it, `scene.give("kafka")` ends it.

A strike never repairs what the system has to repair itself: dead services are started again by the fleet (as a supervisor
would), everything else the system must live through.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Protocol

from tests.chaos.scene import Scene
from tests.chaos.tally import Struck


class Strike(Protocol):
    """One kind of fault. `weight` is how often it is chosen, beside the others' weights."""

    @property
    def name(self) -> str:
        """As the table shows it."""

    @property
    def weight(self) -> float:
        """About 1 for what costs a restart, 5 for what costs next to nothing, 0.1 for what halts everything for seconds."""

    def hit(self, scene: Scene, chance: Random) -> Struck:
        """Do it; whether it hit."""


@dataclass(frozen=True)
class Simple:
    """A strike from a function."""

    name: str
    weight: float
    act: Callable[[Scene, Random], Struck]

    def hit(self, scene: Scene, chance: Random) -> Struck:
        """Do it; whether it hit."""
        return self.act(scene, chance)


def every(*, engines: bool = True) -> list[Strike]:
    """All strikes of all modules, in an order that does not change; with or without those on the engines."""
    here = Path(__file__).parent
    modules = [*sorted(here.glob("strike_*.py")), *(sorted(here.glob("engine_*.py")) if engines else [])]
    return [each for module in modules for each in import_module(f"tests.chaos.{module.stem}").STRIKES]


def choose(strikes: list[Strike], seed: int, number: int) -> tuple[Strike, Random]:
    """The strike with this number, and its own chance."""
    chance = Random(f"{seed}:{number}")
    return chance.choices(strikes, [each.weight for each in strikes])[0], chance
