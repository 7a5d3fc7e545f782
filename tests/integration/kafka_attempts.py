"""What one principal tries on Kafka: plain protocol requests, so that the broker's answer decides and not a client's patience.

kafka-python's consumer hides a refusal to read (its poll is empty for ever); a Fetch request is answered with an error code
per topic. One request asks for all topics at once.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ConfigResource,
    ConfigResourceType,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka.errors import (
    ClusterAuthorizationFailedError,
    CoordinatorNotAvailableError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    for_code,
)
from kafka.protocol.consumer import FetchRequest
from kafka.protocol.producer import ProduceRequest
from kafka.record import MemoryRecordsBuilder
from kafka.structs import OffsetAndMetadata

from deploy.provision.kafka import ANYTHING
from events.topics import FACTS, Topic
from services.runtime import broker
from services.runtime.settings import Settings

REFUSALS = (TopicAuthorizationFailedError, GroupAuthorizationFailedError, ClusterAuthorizationFailedError)
NAMES_BY_TEXT = {ProduceRequest: 9, FetchRequest: 11}
"""The last versions of these requests that name topics by their names, and not by ids that we would have to look up first."""


class Attempts:
    """Everything that one principal tries. Use as a context manager."""

    def __init__(self, settings: Settings, principal: str) -> None:
        self.settings = settings
        self.principal = principal
        self.client = KafkaAdminClient(**broker.login(settings, principal), request_timeout_ms=10_000)
        self._node = self.client.describe_cluster()["brokers"][0]["broker_id"]

    def __enter__(self) -> "Attempts":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def _ask(self, request: Any) -> Any:
        async def send() -> Any:
            return await self.client._manager.send(request, node_id=self._node)

        return self.client._manager.run(send)

    def writes(self, topics: Iterable[Topic]) -> set[str]:
        """The topics that took a message from this principal. Any answer but yes and *not authorised* is an error."""
        produce = ProduceRequest.TopicProduceData
        data = [
            produce(name=self.settings.kafka_name(topic.name), partition_data=[produce.PartitionProduceData(0, _records())])
            for topic in topics
        ]
        request = ProduceRequest(None, -1, 10_000, data, max_version=NAMES_BY_TEXT[ProduceRequest])
        answered = self._ask(request).responses
        return {self._bare(each.name) for each in answered if _allowed(each.partition_responses[0].error_code)}

    def reads(self, topics: Iterable[Topic]) -> set[str]:
        """The topics that gave this principal what lies in them."""
        fetch = FetchRequest.FetchTopic
        asked = [
            fetch(
                topic=self.settings.kafka_name(topic.name),
                partitions=[fetch.FetchPartition(0, fetch_offset=0, partition_max_bytes=1)],
            )
            for topic in topics
        ]
        request = FetchRequest(
            max_wait_ms=0, min_bytes=0, max_bytes=1_000_000, topics=asked, max_version=NAMES_BY_TEXT[FetchRequest]
        )
        return {self._bare(each.topic) for each in self._ask(request).responses if _allowed(each.partitions[0].error_code)}

    def _bare(self, name: str) -> str:
        return name.removeprefix(f"{self.settings.namespace}.")

    def knows_coordinator(self) -> bool:
        """Whether the broker has made the topic in which it keeps groups, which the first question makes it do."""
        try:
            return self.uses_group(self.principal, FACTS[0])
        except CoordinatorNotAvailableError:
            return False

    def uses_group(self, group: str, topic: Topic) -> bool:
        """Whether this principal may move what another's group has read."""
        name = self.settings.kafka_name(group)
        place = broker.partition(self.settings, topic, 0)
        try:
            answer = self.client.alter_group_offsets(name, {place: OffsetAndMetadata(0, "", -1)})
        except GroupAuthorizationFailedError:
            return False
        # Moving needs the group and the topic: a group of one's own with a topic that one may not read is refused for the topic.
        return answer[place] is not GroupAuthorizationFailedError

    def governs(self, topic: Topic, other: str) -> list[str]:
        """What of the administrator's work this principal could do; each is tried. Its own topics and log-in are no exception."""
        name, who = self.settings.kafka_name(topic.name), self.settings.kafka_name(other)
        settings = ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": "1"})
        server = ConfigResource(ConfigResourceType.BROKER, str(self._node), {"log.retention.ms": "1"})
        right = ACL("User:*", "*", ACLOperation.READ, ACLPermissionType.ALLOW, ResourcePattern(ResourceType.TOPIC, name))
        password = UserScramCredentialUpsertion(who, ScramMechanism.SCRAM_SHA_512, "guessed", 4096)
        tries: dict[str, Callable[[], Any]] = {
            "create a topic": lambda: self.client.create_topics({f"{name}.more": {"num_partitions": 1, "replication_factor": 1}}),
            "delete a topic": lambda: self.client.delete_topics([name]),
            "delete messages": lambda: self.client.delete_records({TopicPartition(name, 0): 1}, partition_leader_id=self._node),
            "more partitions": lambda: self.client.create_partitions({name: 9}),
            "change a topic's settings": lambda: self.client.alter_configs([settings], raise_on_unknown=False),
            "change the broker's settings": lambda: self.client.alter_configs([server], raise_on_unknown=False),
            "give rights": lambda: self.client.create_acls([right]),
            # The same right as seeing who has a password, whose refusal the client cannot read.
            "see rights": lambda: self.client.describe_acls(ANYTHING),
            "change a password": lambda: self.client.alter_user_scram_credentials([password]),
        }
        return [what for what, attempt in tries.items() if not _refused(attempt)]


def _records() -> bytes:
    builder = MemoryRecordsBuilder(magic=2, compression_type=0, batch_size=1024)
    builder.append(timestamp=None, key=b"attempt", value=b"attempt")
    builder.close()
    return bytes(builder.buffer())


def _allowed(code: int) -> bool:
    error = for_code(code)
    if error.errno not in (0, TopicAuthorizationFailedError.errno):
        raise error
    return bool(error.errno == 0)


def _refused(attempt: Callable[[], Any]) -> bool:
    """Whether Kafka refuses it for want of a right, in whatever form the client tells."""
    try:
        answer = attempt()
    except REFUSALS:
        return True
    except KafkaError as error:
        answer = error
    return re.search(r"authorization ?failed|not authorized|needs \w+ permission", repr(answer), re.IGNORECASE) is not None
