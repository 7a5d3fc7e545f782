"""The one typed adapter around kafka-python: how producers, consumers and administration are made here.

kafka-python's defaults commit on their own, start at the latest message and may create topics; all of that is overridden.
Reading a topic without the right raises nothing (poll is silently empty), so rights are checked at the start.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ACLOperation
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import CorruptRecordError, KafkaError, KafkaTimeoutError, UnsupportedCodecError
from kafka.protocol.consumer import OffsetSpec
from kafka.structs import MemberState

from events.topics import LARGEST_MESSAGE_BYTES, Topic
from services.runtime.checks import mends
from services.runtime.errors import Fatal, Transient
from services.runtime.patience import until_answered
from services.runtime.settings import Settings

BOOTSTRAP_TIMEOUT_MS = 4_000
"""A client that meets a broker which is not yet unfenced hangs for this long; short, because we try again anyway."""
SESSION_TIMEOUT_MS = 6_000
"""A killed copy's partitions move after this time; the broker's default minimum."""
RIGHTS_SECONDS = 20.0
"""How long a right may be missing at a start: provisioning of all topics takes five seconds, on a busy machine fifteen."""
END_SECONDS = 2.0
"""How long the sender of a producer that is ended may take to notice."""
POLL_RECORDS = 5_000
"""Messages per poll and hence per transaction: large enough for COPY, small enough for memory (about 5 MB)."""


class Unreadable(Exception):
    """The client cannot read a message; `str()` says why. `message` is empty and tells where it lies."""

    def __init__(self, place: TopicPartition, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.place = place
        self.message = ConsumerRecord(*place, -1, offset, -1, 0, None, None, [], None, -1, -1, -1)


def login(settings: Settings, principal: str | None = None) -> dict[str, Any]:
    """Connection options of a principal (this service unless given)."""
    name = principal or settings.service
    return {
        "bootstrap_servers": settings.kafka.split(","),
        "client_id": settings.kafka_name(name),
        **settings.tls.kafka_options(),
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": settings.kafka_name(name),
        "sasl_plain_password": settings.secret(f"kafka-{name}"),
        "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
        "reconnect_backoff_max_ms": 1_000,
    }


def producer(settings: Settings, principal: str | None = None) -> KafkaProducer:
    """An idempotent producer that batches: 50 ms and 256 KiB measured best for small facts. Who flushes waits for neither."""
    return KafkaProducer(
        **login(settings, principal),
        enable_idempotence=True,
        acks="all",
        linger_ms=50,
        batch_size=262_144,
        max_request_size=LARGEST_MESSAGE_BYTES,
        compression_type="lz4",
        allow_auto_create_topics=False,
        delivery_timeout_ms=20_000,
        request_timeout_ms=10_000,
        max_block_ms=10_000,
    )


def end(producer: KafkaProducer) -> None:
    """End a producer at once; what the broker has not acknowledged by now is given up, as its futures say.

    kafka-python 3.0.12's own `close` first waits for what is still to be sent; where the broker is away it raises then, and
    leaves the sender at work.
    """
    producer._sender.force_close()
    with suppress(KafkaTimeoutError):
        producer.close(timeout=END_SECONDS)


def consumer(settings: Settings, principal: str | None = None) -> KafkaConsumer:
    """A consumer in the group named like its principal, which never commits on its own."""
    return KafkaConsumer(
        **login(settings, principal),
        group_id=settings.kafka_name(principal or settings.service),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        allow_auto_create_topics=False,
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=2_000,
        max_poll_records=POLL_RECORDS,
        fetch_max_wait_ms=1_000,
        request_timeout_ms=10_000,
        metadata_max_age_ms=10_000,
    )


def joined(client: KafkaConsumer) -> bool:
    """Whether the client's group has dealt out its partitions; a copy too many rightly gets none."""
    return bool(client.group_metadata().state == MemberState.STABLE)


def seek(client: KafkaConsumer, place: TopicPartition, offset: int, epoch: int) -> None:
    """Go to our own offset. With the epoch of the message before it the client asks the leader, before it fetches, whether that
    message is still there; where the log has lost its tail it goes back to what is new. Its public `seek` takes no epoch.
    """
    client._subscription.seek(place, OffsetAndMetadata(offset, "", epoch))


def poll(client: KafkaConsumer, timeout_ms: int) -> Mapping[TopicPartition, Sequence[ConsumerRecord]]:
    """What has come, by partition.

    A consumer that rejoins its group because topics have changed forgets that it does when `poll` returns before the broker has
    answered: it sends no heartbeat any more, is thrown out, keeps its old partitions and polls in circles. kafka-python 3.0.12
    lacks what Java's client got by KAFKA-9815; asking once more for the rejoin under way makes the next `poll` complete it.

    Raises Unreadable for a message in a compression that this client does not know, or with bytes that it does not understand.
    """
    try:
        polled: Mapping[TopicPartition, Sequence[ConsumerRecord]] = client.poll(timeout_ms=timeout_ms)
    except (UnsupportedCodecError, CorruptRecordError) as error:
        if (place := _stumbled(client)) is None:
            raise
        raise Unreadable(place, client._subscription.assignment[place].position.offset, type(error).__name__) from None
    if client._coordinator.rejoining:
        client._coordinator.request_rejoin()
    return polled


def _stumbled(client: KafkaConsumer) -> TopicPartition | None:
    """Where the client has stumbled. It keeps what it stumbled over, and its next `poll` would turn in circles over that."""
    stumbled = client._fetcher._next_partition_records
    if not stumbled:
        return None
    stumbled.drain()
    return stumbled.topic_partition


class Broker:
    """Questions about the cluster: its id, the ends of its logs, and what this principal may do."""

    def __init__(self, settings: Settings, principal: str | None = None) -> None:
        self.settings = settings
        self.principal = principal
        self._admin: KafkaAdminClient | None = None

    def _client(self) -> KafkaAdminClient:
        if self._admin is None:
            self._admin = KafkaAdminClient(**login(self.settings, self.principal), request_timeout_ms=10_000)
        return self._admin

    def close(self) -> None:
        """Forget the connection; the next question opens a new one."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None

    def cluster_id(self) -> str:
        """Id of the cluster that answers now. Raises Transient when none does."""
        try:
            return str(self._client().describe_cluster()["cluster_id"])
        except KafkaError as error:
            self.close()
            raise Transient(f"broker_unreachable ({type(error).__name__})") from None

    def end_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Offsets after the last messages of partitions. Raises Transient when the broker does not answer."""
        asked = dict.fromkeys(places, OffsetSpec.LATEST)
        if not asked:
            return {}
        try:
            found = self._client().list_partition_offsets(asked)
        except KafkaError as error:
            self.close()
            raise Transient(f"broker_unreachable ({type(error).__name__})") from None
        return {place: int(end.offset) for place, end in found.items()}

    def brokers(self) -> int:
        """How many brokers the cluster has now. Raises Transient when none answers."""
        try:
            return len(self._client().describe_cluster()["brokers"])
        except KafkaError as error:
            self.close()
            raise Transient(f"broker_unreachable ({type(error).__name__})") from None

    def described(self, about: Iterable[Topic]) -> dict[str, Mapping[str, Any]]:
        """What the cluster says of these topics, by our name of them; those that this principal may not see are left out."""
        names = {self.settings.kafka_name(topic.name): topic.name for topic in about}
        try:
            found = self._client().describe_topics(sorted(names))
            return {names[topic["name"]]: topic for topic in found if not topic.get("error_code")}
        except KafkaError as error:
            self.close()
            raise Transient(f"broker_unreachable ({type(error).__name__})") from None

    def operations(self, about: Iterable[Topic]) -> dict[str, set[str]]:
        """Names of the operations that this principal may do, by topic; topics that it may not even see are left out."""
        return {name: allowed(topic) for name, topic in self.described(about).items()}

    def check_rights(self, reads: Iterable[Topic], writes: Iterable[Topic]) -> None:
        """Raise Fatal that names the first topic and right that this principal lacks."""
        needs = [(topic, ACLOperation.READ) for topic in reads] + [(topic, ACLOperation.WRITE) for topic in writes]
        if not needs:
            return
        held = self.operations(topic for topic, _ in needs)
        for topic, operation in needs:
            if operation.name not in held.get(topic.name, set()):
                who = self.principal or self.settings.service
                raise Fatal(f"{who} may not {operation.name} topic {topic.name}: provision again with {mends.START}")


def allowed(description: Mapping[str, Any]) -> set[str]:
    """Names of the operations that whoever asked may do, from what the cluster says of a topic."""
    found = description.get("topic_authorized_operations", description.get("authorized_operations")) or ()
    if isinstance(found, int):
        return {operation.name for operation in ACLOperation if found >= 0 and found >> operation.value & 1}
    return {getattr(operation, "name", str(operation)) for operation in found}


def wait_for_broker(broker: Broker, deadline_s: float = 60) -> str:
    """Cluster id, once the broker answers. Raises Fatal after the deadline."""
    try:
        return until_answered(broker.cluster_id, lambda error: isinstance(error, Transient), deadline_s)
    except Transient:
        raise Fatal(f"no Kafka at {broker.settings.kafka}: start it, or set KAFKA_BOOTSTRAP_SERVERS") from None


def wait_for_rights(broker: Broker, reads: Sequence[Topic], writes: Sequence[Topic], deadline_s: float = RIGHTS_SECONDS) -> None:
    """Return once this principal may do all that. Raises Fatal that says what it lacks, or that no broker answers, after a while:
    whoever starts now may meet a Kafka that is just being provisioned, or one that dies between two questions.
    """
    try:
        until_answered(lambda: broker.check_rights(reads, writes), lambda error: isinstance(error, Fatal | Transient), deadline_s)
    except Transient as error:
        raise Fatal(str(error)) from None


def partition(settings: Settings, topic: Topic, number: int) -> TopicPartition:
    """The client's name of a partition."""
    return TopicPartition(settings.kafka_name(topic.name), number)
