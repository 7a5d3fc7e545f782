"""Which records are one event: records that replace each other (`supersedes`) are one piece of evidence.

A record names at most one that it replaces, so the links make trees; a tree's root names the evidence, also while the root
itself has not arrived. Withdrawn records stay in the tree, so that ids are stable, but they count for nothing and replace
nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class Link:
    """What grouping needs to know of one record."""

    record_id: UUID
    live: bool
    supersedes: UUID | None
    registered_at: datetime


@dataclass(frozen=True)
class Piece:
    """One event: its id, whether it stands, the record that speaks for it (`tip`), and all its records."""

    evidence_id: UUID
    live: bool
    tip: UUID
    members: tuple[UUID, ...]


def root(start: UUID, parents: Mapping[UUID, UUID]) -> UUID:
    """The furthest record that `start` replaces, directly or not. Records that replace each other in a circle: the smallest."""
    path: list[UUID] = []
    here = start
    while here in parents:
        if here in path:
            return min(path[path.index(here) :])
        path.append(here)
        here = parents[here]
    return here


def pieces(records: Iterable[Link]) -> list[Piece]:
    """All evidence of these records, which must be whole groups. Their order does not matter."""
    known = {record.record_id: record for record in records}
    parents = {each.record_id: each.supersedes for each in known.values() if each.supersedes is not None}
    groups: dict[UUID, list[Link]] = defaultdict(list)
    for record in known.values():
        groups[root(record.record_id, parents)].append(record)
    return [state(evidence_id, members) for evidence_id, members in groups.items()]


def state(evidence_id: UUID, members: Sequence[Link]) -> Piece:
    """State of one group. Live when a live record is left; the tip is one that no live record replaces, the latest registered.

    Nobody stands when all were withdrawn: then the latest of all is the tip, so that it can be said what was withdrawn. Live
    records that replace each other in a circle all stand.
    """
    live = [record for record in members if record.live]
    replaced = {record.supersedes for record in live}
    standing = [record for record in live if record.record_id not in replaced] or live or list(members)
    tip = max(standing, key=lambda record: (record.registered_at, record.record_id))
    return Piece(evidence_id, bool(live), tip.record_id, tuple(sorted(record.record_id for record in members)))
