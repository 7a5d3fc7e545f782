"""The live counts as two threads share them: Faust's loop counts, HTTP reads. One short lock, no waiting inside it."""

import time
from collections import Counter, deque
from threading import Lock

import msgspec

from events.topics import AUDIT, FACTS, Topic
from services.monitoring import domain
from services.monitoring.domain import Tally
from services.runtime.errors import Poison
from services.runtime.events import Decoder

TOPICS: tuple[Topic, ...] = tuple(topic for topic in (*FACTS, *AUDIT.values()) if "monitoring" in topic.readers)
"""All but the records: six million of them would cost a display more than screening itself takes. Extracts say how many came."""
RATE_SAMPLES = 10
"""Samples, one a second: rates are means over the last ten seconds."""

Place = tuple[str, int]
"""Topic (without the namespace) and partition."""


class Counts(msgspec.Struct, frozen=True):
    """Everything there is to show."""

    caught_up: bool
    weeks: dict[str, dict[str, int]]
    municipalities: dict[str, dict[str, int]]
    persons: dict[str, int]
    evidence: dict[str, int]
    audit: dict[str, int]
    topics: dict[str, int]
    rates: dict[str, float]
    undecodable: dict[str, int]
    stale: int


class Board:
    """Counts, places reached, and the ends that must be reached before the counts are worth looking at."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._decoders = {topic.name: Decoder(topic) for topic in TOPICS}
        self.begin({})

    def begin(self, spans: dict[Place, tuple[int, int]]) -> None:
        """Start from nothing. `spans` are first offset and end of each partition as they are now."""
        with self._lock:
            self._tally = Tally()
            self._seen: Counter[str] = Counter()
            self._undecodable: Counter[str] = Counter()
            self._next = {place: first for place, (first, _) in spans.items()}
            self._wanted = {place: end for place, (_, end) in spans.items()}
            self._samples: deque[tuple[float, Counter[str]]] = deque(maxlen=RATE_SAMPLES)
            self._caught_up = False

    def count(self, topic: str, partition: int, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Count one message; one that cannot be decoded is counted as such and never stops the rest."""
        try:
            event = self._decoders[topic].decode(value, key)
        except (Poison, ValueError):  # msgspec's errors are ValueErrors
            event = None
        with self._lock:
            self._seen[topic] += 1
            self._next[topic, partition] = offset + 1
            if event is None:
                self._undecodable[topic] += 1
            elif topic in AUDIT_NAMES:
                self._tally.number(event.topic.writer, event.position)
            else:
                self._tally.apply(topic, event.key, event.version, event.data)

    def sample(self) -> None:
        """Note how much has been seen by now; to be called once a second."""
        with self._lock:
            self._samples.append((time.monotonic(), self._seen.copy()))

    def places(self) -> dict[Place, int]:
        """Next offset of each partition."""
        with self._lock:
            return dict(self._next)

    def behind(self) -> list[str]:
        """Topics that are not yet where they ended at the start; nothing is known before the first `begin`."""
        with self._lock:
            if not self._wanted:
                return ["broker"]
            if self._caught_up:
                return []
            late = {place[0] for place, end in self._wanted.items() if self._next[place] < end}
            self._caught_up = not late
            return sorted(late)

    def counts(self) -> Counts:
        """Everything there is to show."""
        caught_up = not self.behind()
        with self._lock:
            weeks, municipalities = domain.tables(self._tally)
            return Counts(
                caught_up,
                dict(sorted(weeks.items())),
                dict(sorted(municipalities.items())),
                domain.states(self._tally, domain.PERSONS),
                domain.states(self._tally, domain.EVIDENCE),
                dict(sorted(self._tally.highest.items())),
                {topic.name: self._seen[topic.name] for topic in TOPICS},
                domain.rates(list(self._samples)),
                dict(self._undecodable),
                self._tally.stale,
            )


AUDIT_NAMES = frozenset(topic.name for topic in AUDIT.values())
