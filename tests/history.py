"""The history checker: what a system accepted, did, set aside, audited and delivered – and everything about it that must not be.

Pure functions over a `History`, whoever collected it (`tests/witness.py` does so from a system's databases). Each check gives
violations of one kind: *lost* (accepted, and neither done nor set aside nor pending), *doubled*, *out of order*, *unaudited*,
*causeless*. A history without violations is one in which accepted = effects + dead letters + pending, each effect happened
once, and every effect has its audit entry and every entry its cause. Where nothing is, nothing is wrong: whoever checks a system
that has worked also asks what is `unseen`.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple


class Place(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class Fact(NamedTuple):
    """One accepted message: its place in the order, whose state it is, and which version of that."""

    position: int
    key: str
    version: int


class Reader(NamedTuple):
    """One service that must handle everything of one place."""

    service: str
    place: Place


class Effect(NamedTuple):
    """Something that was done and that must have been done once for its cause: a run for a week, a letter for a draft."""

    kind: str
    cause: str


class Violation(NamedTuple):
    """One thing that must not be."""

    kind: str
    what: str


Ranges = Sequence[tuple[int, int]]
"""Positions as half-open ranges."""


@dataclass(frozen=True)
class History:
    """All that is known of one system. `applied` holds, per consumer and aggregate, the versions in the order of applying; of the
    readers `applying` it holds every aggregate that they have handled.

    `audited` counts entries per effect. `once` are effects that must not happen twice; `done` are all that must be audited.
    """

    accepted: Mapping[Place, Sequence[Fact]] = field(default_factory=dict)
    handled: Mapping[Reader, Ranges] = field(default_factory=dict)
    dead: Mapping[Reader, Sequence[int]] = field(default_factory=dict)
    pending: Mapping[Reader, Sequence[int]] = field(default_factory=dict)
    applied: Mapping[tuple[Reader, str], Sequence[int]] = field(default_factory=dict)
    applying: Collection[Reader] = ()
    once: Sequence[Effect] = ()
    done: Sequence[Effect] = ()
    audited: Sequence[Effect] = ()
    sent: Sequence[str] = ()
    arrived: Sequence[str] = ()


def violations(history: History) -> list[Violation]:
    """Everything that is wrong with a history, in a fixed order."""
    return [
        *_positions(history),
        *_fates(history),
        *_effects(history),
        *_versions(history),
        *_repeats(history.once),
        *_audit(history),
        *_letters(history),
    ]


def unseen(history: History, kinds: Iterable[str]) -> list[Violation]:
    """What there is nothing of, also of these kinds of effects: to find nothing wrong with nothing proves nothing."""
    parts = {
        "accepted": any(history.accepted.values()),
        "handled": any(history.handled.values()),
        "applied": any(history.applied.values()),
        "sent": any(history.sent),
        "arrived": any(history.arrived),
    }
    seen = {effect.kind for effect in (*history.once, *history.done)}
    missing = [*(name for name, there in parts.items() if not there), *sorted(set(kinds) - seen)]
    return [Violation("unseen", f"nothing is there of: {name}") for name in missing]


def _positions(history: History) -> Iterator[Violation]:
    """Positions are gapless from 1, and the versions of a key rise with them."""
    for place, facts in history.accepted.items():
        numbers = [fact.position for fact in facts]
        for number in _missing(numbers, len(numbers)):
            yield Violation("lost", f"{_name(place)}: position {number} was given to nothing")
        for number, times in Counter(numbers).items():
            if times > 1:
                yield Violation("doubled", f"{_name(place)}: position {number} was given {times} times")
        newest: dict[str, int] = {}
        for fact in sorted(facts):
            if fact.version <= newest.get(fact.key, 0):
                yield Violation("out of order", f"{_name(place)}: version {fact.version} of {fact.key} at {fact.position}")
            newest[fact.key] = max(fact.version, newest.get(fact.key, 0))


def _missing(numbers: Iterable[int], last: int) -> list[int]:
    return sorted(set(range(1, last + 1)) - set(numbers))


def _fates(history: History) -> Iterator[Violation]:
    """Accepted = handled + dead letters + pending, for every reader."""
    for reader, ranges in history.handled.items():
        accepted = {fact.position for fact in history.accepted.get(reader.place, ())}
        handled = {position for low, high in ranges for position in range(low, high)}
        aside, waits = set(history.dead.get(reader, ())), set(history.pending.get(reader, ()))
        for position in sorted(accepted - handled - aside - waits):
            yield Violation("lost", f"{reader.service}: {_name(reader.place)} position {position}")
        for position in sorted(handled - accepted):
            yield Violation("doubled", f"{reader.service}: {_name(reader.place)} position {position} was never written")
        for position in sorted((handled & aside) | (handled & waits) | (aside & waits)):
            yield Violation("doubled", f"{reader.service}: {_name(reader.place)} position {position} has two fates")


def _effects(history: History) -> Iterator[Violation]:
    """What was handled was applied: saying that it was is not doing it."""
    for reader in history.applying:
        handled = {position for low, high in history.handled.get(reader, ()) for position in range(low, high)}
        keys = {fact.key for fact in history.accepted.get(reader.place, ()) if fact.position in handled}
        for key in sorted(key for key in keys if (reader, key) not in history.applied):
            yield Violation("lost", f"{reader.service}: {key} of {_name(reader.place)} was handled and left no trace")


def _versions(history: History) -> Iterator[Violation]:
    """Applied versions rise, and end with the newest that was accepted – unless that one is still waiting."""
    newest = {
        place: {fact.key: fact for fact in sorted(facts, key=lambda fact: fact.version)}
        for place, facts in history.accepted.items()
    }
    for (reader, key), versions in history.applied.items():
        if any(later <= earlier for earlier, later in pairwise(versions)):
            yield Violation("out of order", f"{reader.service}: versions of {key} were applied as {list(versions)}")
        last = newest.get(reader.place, {}).get(key)
        if last is None or not versions:
            yield Violation("doubled", f"{reader.service}: {key} was applied and never written")
        elif versions[-1] > last.version:
            yield Violation("doubled", f"{reader.service}: version {versions[-1]} of {key} was never written")
        elif versions[-1] < last.version and not _waits(history, reader, last.position):
            yield Violation("lost", f"{reader.service}: version {last.version} of {key}; it stands at {versions[-1]}")


def _waits(history: History, reader: Reader, position: int) -> bool:
    return position in history.dead.get(reader, ()) or position in history.pending.get(reader, ())


def _repeats(effects: Iterable[Effect]) -> Iterator[Violation]:
    for effect, times in Counter(effects).items():
        if times > 1:
            yield Violation("doubled", f"{effect.kind} {effect.cause}: {times} times")


def _audit(history: History) -> Iterator[Violation]:
    """As many entries as effects, of each."""
    done, audited = Counter(history.done), Counter(history.audited)
    for effect, times in (done - audited).items():
        yield Violation("unaudited", f"{effect.kind} {effect.cause}: {times} without an entry")
    for effect, times in (audited - done).items():
        yield Violation("causeless", f"{effect.kind} {effect.cause}: {times} entries without a cause")


def _letters(history: History) -> Iterator[Violation]:
    """Each letter that was sent arrived, and nothing else did. A repetition with the same id is not another letter."""
    for message in sorted(set(history.sent) - set(history.arrived)):
        yield Violation("lost", f"message {message} did not arrive")
    for message in sorted(set(history.arrived) - set(history.sent)):
        yield Violation("doubled", f"message {message} arrived and was never sent")


def _name(place: Place) -> str:
    return f"{place.topic}/{place.partition}"
