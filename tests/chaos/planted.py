"""What strikes have put into topics that must end among the dead letters, and nowhere else."""

import hashlib
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any, NamedTuple


class Which(NamedTuple):
    """Who must set a message aside, on which topic, and the message's SHA-256."""

    reader: str
    topic: str
    digest: str


class Spot(NamedTuple):
    """Where a message lies in Kafka, which calls the topic by its namespace too."""

    topic: str
    partition: int
    offset: int


class DeadLetter(NamedTuple):
    """One that was set aside, and whether it still waits."""

    number: int
    which: Which
    reason: str
    waits: bool


class Planted:
    """Messages that were planted: announced before they are sent, confirmed once they surely lie on their topics."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._announced: set[Which] = set()
        self._spots: dict[Which, Spot] = {}
        self._lost: set[Which] = set()
        self._seen: set[Which] = set()

    def announce(self, readers: Iterable[str], topic: str, payload: bytes) -> list[Which]:
        """About to be sent: from now on nobody needs to wonder where it comes from."""
        which = [Which(reader, topic, digest(payload)) for reader in readers]
        with self._lock:
            self._announced.update(which)
        return which

    def confirm(self, which: Iterable[Which], spot: Spot) -> None:
        """It was sent: each of these readers must set it aside."""
        with self._lock:
            self._spots |= dict.fromkeys(which, spot)

    def saw(self, letters: "Iterable[DeadLetter]") -> None:
        """These lie among the dead letters."""
        with self._lock:
            self._seen |= self._announced.intersection(each.which for each in letters)

    def lose(self, topic: str, partition: int, end: int) -> None:
        """Kafka has lost what lay here from an offset on, and nobody has what was planted there to publish it again.

        Whoever had read it and not yet set it aside may do so or not; what was set aside stays so. (An offset is -1 where the
        broker did not say it.)
        """
        self._lose(lambda spot: (spot.topic, spot.partition) == (topic, partition) and not 0 <= spot.offset < end)

    def lose_everything(self) -> None:
        """Kafka has lost all its logs."""
        self._lose(lambda spot: True)

    def _lose(self, gone: Callable[[Spot], bool]) -> None:
        with self._lock:
            self._lost |= {which for which, spot in self._spots.items() if gone(spot)}

    @property
    def expected(self) -> set[Which]:
        """What must lie among the dead letters: surely sent and not lost since, or seen there before."""
        with self._lock:
            return self._spots.keys() - self._lost | self._seen

    def knows(self, which: Which) -> bool:
        """Whether a strike has to do with this dead letter."""
        with self._lock:
            return which in self._announced

    def seen(self, which: Which) -> bool:
        """Whether it was seen among the dead letters."""
        with self._lock:
            return which in self._seen

    def awaited(self, which: Which) -> bool:
        """Whether it must still be set aside."""
        with self._lock:
            return self._due(which) and which not in self._seen

    def _due(self, which: Which) -> bool:
        return which in self._spots and which not in self._lost


def digest(payload: bytes) -> str:
    """How a message is known again."""
    return hashlib.sha256(payload).hexdigest()


def dead_letters(rows: Callable[[str], list[tuple[Any, ...]]], service: str) -> list[DeadLetter]:
    """Everything that a service has ever set aside."""
    found = rows(
        "SELECT id, coalesce(topic, 'work'), encode(sha256(coalesce(payload, '')), 'hex'), reason, redriven_at IS NULL "
        f"FROM {{ns}}{service}.dead_letter"
    )
    return [DeadLetter(number, Which(service, topic, known), reason, waits) for number, topic, known, reason, waits in found]
