"""Does what waits also move? Looked at twice, some seconds apart, and only where something waits."""

from collections.abc import Callable, Mapping, Sequence
from threading import Event as Signal
from typing import NamedTuple

from events.topics import Topic
from services.runtime.broker import Broker
from services.runtime.checks.finding import Finding, bad, ok, warn
from services.runtime.checks.kafka import some
from services.runtime.checks.mends import restart
from services.runtime.database import Store
from services.runtime.watchdog import Watchdog

PAUSE_SECONDS = 3.0
"""Longer than nearly every batch, short for a person who waits for the answer."""
OVERDUE_SECONDS = 60.0
"""Due work is claimed within half a second by an idle worker."""
MANY_ATTEMPTS = 5


class Standing(NamedTuple):
    """How far one queue has got, and what waits in it."""

    at: int
    waiting: int


Look = Callable[[], Mapping[str, Standing]]


def stuck(look: Look) -> tuple[int, list[str]]:
    """How much waits, and the queues that wait and do not move."""
    before = look()
    if not any(each.waiting for each in before.values()):
        return 0, []
    Signal().wait(PAUSE_SECONDS)
    after = look()
    still = [name for name, each in after.items() if each.waiting and before.get(name) == Standing(each.at, each.waiting)]
    return sum(each.waiting for each in after.values()), still


def lag(store: Store, cluster: Broker, reads: Sequence[Topic]) -> Finding:
    """Do we keep up with the topics that we read? Raises Transient when no broker answers."""
    watchdog, cluster_id = Watchdog(cluster.settings, store, cluster, reads), cluster.cluster_id()

    def look() -> dict[str, Standing]:
        return {f"{topic}/{number}": Standing(*each) for (topic, number), each in watchdog.stands(cluster_id).items()}

    waiting, still = stuck(look)
    if still:
        return bad("lag", f"{waiting} messages wait, and {some(still)} stands still", restart(store.service))
    return ok("lag", f"{waiting} messages wait")


def relay(store: Store, writes: Sequence[Topic]) -> Finding:
    """Is what was committed also published? To the topics of now: for a municipality that is not served nothing is."""
    query = "SELECT topic, partition, published, last FROM outbox_position WHERE topic = ANY(:topics)"
    names = [topic.name for topic in writes]

    def look() -> dict[str, Standing]:
        with store.transaction() as transaction:
            rows = transaction.execute(query, {"topics": names}).all()
        return {f"{row.topic}/{row.partition}": Standing(row.published, row.last - row.published) for row in rows}

    waiting, still = stuck(look)
    if still:
        return bad("relay", f"{waiting} messages are not published, and {some(still)} does not advance", restart(store.service))
    return ok("relay", f"{waiting} messages are not published")


def work(store: Store) -> Finding:
    """Is due work done, and does it succeed?"""
    query = """
        SELECT kind, count(*) AS pieces, max(attempts) AS attempts, max(last_error) AS error,
            extract(epoch FROM clock_timestamp() - min(next_attempt_at))::float8 AS overdue FROM work GROUP BY kind ORDER BY kind
    """
    with store.transaction() as transaction:
        rows = transaction.execute(query).all()
    for row in rows:
        if row.overdue > OVERDUE_SECONDS:
            return bad("work", f"{row.pieces} {row.kind} wait, the oldest {row.overdue:.0f} s overdue", restart(store.service))
        if row.attempts >= MANY_ATTEMPTS and row.error:
            return warn("work", f"{row.pieces} {row.kind} wait, tried {row.attempts} times: {row.error}", _why(row.error))
    return ok("work", f"{sum(row.pieces for row in rows)} pieces wait")


def _why(reason: str) -> str:
    if reason == "sending_is_stopped":
        return "socialsog resume-sending  # after a restore: socialsog restore reconcile"
    if reason == "had_perhaps_left":
        return "socialsog restore settle MESSAGE --left  # or --closed, as the municipality says; which: socialsog restore list"
    return "socialsog doctor  # mend what it says of keys, or of the service that is called; work then goes on by itself"
