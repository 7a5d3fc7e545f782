"""Own offsets: the place of a consumer in each partition is a row in its own schema, moved in the transaction of the effects.

So effect and position can never disagree. The move is conditional; no row moved means that another copy owns the partition.
Beside the place stands the leader epoch of the last message handled: by it the broker tells whether its log still is the one
that was read, or has lost its tail and grown again past this place with other messages.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from services.runtime.errors import Transient
from services.runtime.transaction import Transaction

POSITIONS = range(1, 2**63 - 1)
"""What a position may be. PostgreSQL holds one as a bigint, and a range of them ends one higher."""


@dataclass
class Place:
    """Where a consumer stands in one partition: next offset to handle and how often a start at it has been tried.

    `epoch`: the leader's under which the message before it was written; -1 before the first.
    """

    cluster: str
    topic: str
    partition: int
    next_offset: int
    attempts: int
    epoch: int = -1


_LOAD = """
    INSERT INTO offsets AS o (cluster, topic, partition, next_offset) VALUES (:cluster, :topic, :partition, 0)
    ON CONFLICT (cluster, topic, partition) DO UPDATE SET next_offset = o.next_offset
    RETURNING next_offset, attempts, leader_epoch
"""
_KEY = "cluster = :cluster AND topic = :topic AND partition = :partition AND next_offset = :expected"
_ATTEMPT = f"UPDATE offsets SET attempts = attempts + 1 WHERE {_KEY}"
_MOVE = f"UPDATE offsets SET next_offset = :next, leader_epoch = :epoch, attempts = 0 WHERE {_KEY}"
_SEE = """
    INSERT INTO received AS r (topic, partition, seen, stale) VALUES (:topic, :partition, CAST(:seen AS int8multirange), :stale)
    ON CONFLICT (topic, partition) DO UPDATE SET seen = r.seen + excluded.seen, stale = r.stale + excluded.stale
"""


def load(transaction: Transaction, cluster: str, topic: str, partition: int) -> Place:
    """Where this consumer stands; the beginning for a cluster it has never met."""
    row = transaction.execute(_LOAD, {"cluster": cluster, "topic": topic, "partition": partition}).one()
    return Place(cluster, topic, partition, row.next_offset, row.attempts, row.leader_epoch)


def count_attempt(transaction: Transaction, place: Place) -> None:
    """Count a start at this place before handling, so that a message that kills the process is found out."""
    _conditional(transaction, _ATTEMPT, place, {})


def forgive(transaction: Transaction, place: Place) -> None:
    """Forget the starts of a process that no message has killed: what failed was database, broker or setting."""
    place.attempts = 0
    _conditional(transaction, "UPDATE offsets SET attempts = 0 WHERE " + _KEY, place, {})


def move(transaction: Transaction, place: Place, next_offset: int, epoch: int) -> None:
    """Move on (back in a log that lost its tail), in the transaction of the effects. Raises Transient when another copy did."""
    _conditional(transaction, _MOVE, place, {"next": next_offset, "epoch": epoch})


def _conditional(transaction: Transaction, statement: str, place: Place, values: dict[str, int]) -> None:
    key = {"cluster": place.cluster, "topic": place.topic, "partition": place.partition, "expected": place.next_offset}
    if transaction.execute(statement, {**key, **values}).rowcount != 1:
        raise Transient("partition_taken_over")


def see(transaction: Transaction, topic: str, partition: int, positions: Iterable[int], *, stale: int) -> None:
    """Remember these positions as handled; order and repetition do not matter. `stale`: how many of them were no news."""
    if ranges := multirange(positions):
        transaction.execute(_SEE, {"topic": topic, "partition": partition, "seen": ranges, "stale": stale})


def multirange(positions: Iterable[int]) -> str:
    """Text of the int8multirange that holds exactly these positions; empty text for none."""
    ranges: list[list[int]] = []
    for position in sorted(set(positions)):
        if ranges and ranges[-1][1] == position:
            ranges[-1][1] = position + 1
        else:
            ranges.append([position, position + 1])
    return "{" + ",".join(f"[{low},{high})" for low, high in ranges) + "}" if ranges else ""
