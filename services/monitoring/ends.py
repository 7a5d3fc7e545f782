"""Where the topics begin and end, asked of the broker beside Faust: when has all been read, and has reading stalled?"""

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError
from kafka.protocol.consumer import OffsetSpec

from services.monitoring.board import TOPICS, Place
from services.runtime import broker
from services.runtime.errors import Transient
from services.runtime.settings import Settings

REQUEST_MS = 5_000
"""A broker that takes longer to tell its ends is away, or has other worries."""


class Ends:
    """Asks for first offsets and ends. Raises Transient when the broker does not answer; the next question connects anew."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: KafkaAdminClient | None = None
        self._places = {
            broker.partition(settings, topic, number): (topic.name, number)
            for topic in TOPICS
            for number in range(topic.partitions)
        }

    def spans(self) -> dict[Place, tuple[int, int]]:
        """First offset and end of every partition."""
        first, end = self._ask(OffsetSpec.EARLIEST), self._ask(OffsetSpec.LATEST)
        return {self._places[place]: (first[place], end[place]) for place in self._places}

    def now(self) -> dict[Place, int]:
        """End of every partition."""
        return {self._places[place]: end for place, end in self._ask(OffsetSpec.LATEST).items()}

    def close(self) -> None:
        """Forget the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _ask(self, which: OffsetSpec) -> dict[TopicPartition, int]:
        try:
            if self._client is None:
                self._client = KafkaAdminClient(**broker.login(self._settings), request_timeout_ms=REQUEST_MS)
            answer = self._client.list_partition_offsets(dict.fromkeys(self._places, which))
        except KafkaError as error:
            self.close()
            raise Transient(f"broker_unreachable ({type(error).__name__})") from None
        return {place: int(answer[place].offset) for place in self._places}
