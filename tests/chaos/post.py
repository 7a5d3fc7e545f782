"""Putting messages on topics as one of the principals: old ones once more, and such as should never be sent."""

from typing import NamedTuple

from kafka import KafkaProducer

from events import topics
from events.topics import Topic
from services.runtime import broker
from tests.chaos.planted import Spot
from tests.system.town import Town

SEND_SECONDS = 5.0
"""The broker may be away just now; then the strike missed."""


class Old(NamedTuple):
    """A message that was published before."""

    position: int
    key: str
    payload: bytes


class Post:
    """One producer per principal, made when it is first needed."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self._producers: dict[str, KafkaProducer] = {}

    def old(self, topic: Topic, partition: int, count: int, before: float) -> list[Old]:
        """Consecutive published messages; `before` (0 to 1) says how far back they lie, 1 being the newest."""
        schema = f"{{ns}}{topic.writer}"
        place = {"topic": topic.name, "partition": partition}
        found = self.town.rows(
            f"SELECT published FROM {schema}.outbox_position WHERE topic = %(topic)s AND partition = %(partition)s", **place
        )
        last = int(before * found[0][0]) if found else 0
        rows = self.town.rows(
            f"SELECT position, key, payload FROM {schema}.outbox WHERE topic = %(topic)s AND partition = %(partition)s "
            "AND position > %(first)s AND position <= %(last)s ORDER BY position",
            **place,
            first=last - count,
            last=last,
        )
        return [Old(position, key, bytes(payload)) for position, key, payload in rows]

    def send(self, principal: str, topic: Topic, partition: int, messages: list[tuple[str | None, bytes]]) -> list[Spot]:
        """Send these (key, payload), and where they lie. Raises KafkaError when it is refused or the broker is away."""
        if principal not in self._producers:
            self._producers[principal] = broker.producer(self.town.settings, principal)
        sender, name = self._producers[principal], self.town.settings.kafka_name(topic.name)
        futures = [
            sender.send(name, payload, key.encode() if key is not None else None, partition=partition)
            for key, payload in messages
        ]
        sent = [future.get(timeout=SEND_SECONDS) for future in futures]
        return [Spot(each.topic, each.partition, each.offset) for each in sent]

    def close(self) -> None:
        """End all producers."""
        for each in self._producers.values():
            broker.end(each)


def handed_over(codes: tuple[str, ...]) -> list[Topic]:
    """All topics that the services themselves write."""
    return [topic for topic in topics.declared(codes) if topic.writer in topics.DOMAIN_SERVICES]
