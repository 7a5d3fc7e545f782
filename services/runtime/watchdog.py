"""Notices what a consumer's session cannot: that the cluster is another one, or that nothing moves although messages wait.

The latter because kafka-python 3.0's rewrite still had stuck rebalances. Progress of *any* copy counts: the offsets in the
database are compared with the ends of the logs. When neither has moved for a while and messages wait, the session is begun
anew; that costs a rebalance and repeats nothing, because the offsets are our own.
"""

import time
from collections import Counter
from collections.abc import Iterable

from events.topics import Topic
from services.runtime import broker, metrics
from services.runtime.broker import Broker
from services.runtime.database import Store
from services.runtime.errors import Transient
from services.runtime.settings import Settings

LOOK_SECONDS = 5.0
"""How often it looks: two requests to the broker, one query."""
PATIENCE_SECONDS = 60.0
"""Longer than any batch takes to handle, so that a copy at work is not mistaken for a stuck one."""


class Watchdog:
    """Watches one consumer's topics. `look()` is called from its loop."""

    def __init__(self, settings: Settings, store: Store, cluster: Broker, topics: Iterable[Topic]) -> None:
        self.store = store
        self.cluster = cluster
        topics = list(topics)
        self.places = {
            broker.partition(settings, topic, number): (topic.name, number)
            for topic in topics
            for number in range(topic.partitions)
        }
        self._labels = {topic.name: metrics.label(topic) for topic in topics}
        self._waiting: dict[tuple[str, int], int] = {}
        self._since = self._looked = time.monotonic()

    def look(self, cluster_id: str) -> None:
        """Look, now and then. Raises Transient for another cluster, or when messages wait and nobody has moved for too long."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        if self.cluster.cluster_id() != cluster_id:
            raise Transient("another_cluster")
        waiting = self._behind(cluster_id)
        if not waiting or waiting != self._waiting:
            self._waiting, self._since = waiting, time.monotonic()
        elif time.monotonic() - self._since > PATIENCE_SECONDS:
            self._since = time.monotonic()
            raise Transient("no_progress")

    def _behind(self, cluster_id: str) -> dict[tuple[str, int], int]:
        """Places where messages wait, with the offset that is next."""
        return {place: at for place, (at, waiting) in self.stands(cluster_id).items() if waiting}

    def stands(self, cluster_id: str) -> dict[tuple[str, int], tuple[int, int]]:
        """Of each place the offset that is next, and how many messages wait."""
        with self.store.transaction() as transaction:
            query = "SELECT topic, partition, next_offset FROM offsets WHERE cluster = :cluster"
            rows = transaction.execute(query, {"cluster": cluster_id}).all()
        stands = {(row.topic, row.partition): row.next_offset for row in rows}
        ends = {self.places[place]: end for place, end in self.cluster.end_offsets(self.places).items()}
        found = {place: (stands.get(place, 0), max(0, end - stands.get(place, 0))) for place, end in ends.items()}
        behind: Counter[str] = Counter()
        for (topic, _), (_, waiting) in found.items():
            behind[self._labels[topic]] += waiting
        for name, messages in behind.items():
            metrics.LAG.labels(name).set(messages)
        return found
