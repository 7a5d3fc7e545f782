"""Kafka's users, topics and rights, from the one declaration in `events.topics`.

Rights: a topic's writer may WRITE it, its readers may READ it (each includes DESCRIBE; idempotent producing needs nothing
more since Kafka 3), and everybody may use consumer groups whose name begins with its own. Nothing else is allowed to anybody
but the administrator. What one of these users may do and no longer should is taken away.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from deploy.engines import Engines
from deploy.secrets import Secrets, kafka_principals, private_file
from deploy.waiting import wait_until
from events.topics import FOREVER, LARGEST_MESSAGE_BYTES, Topic, declared
from services.runtime import names

REQUEST_MS = 60_000
"""Making 220 topics takes seconds, and a busy machine has two cores."""
IN_FORCE_SECONDS = 60
ITERATIONS = 4096
"""SCRAM's rounds: the passwords are 256 random bits, so more rounds protect nothing and slow down every log-in."""
MOST_REPLICAS = 3
"""Copies of each topic where there are as many brokers: one may fail while another is being replaced."""
COMMON = {"compression.type": "lz4", "max.message.bytes": str(LARGEST_MESSAGE_BYTES)}
"""Of every topic. The broker turns what arrives compressed otherwise into this: kafka-python opens zstd and snappy only with
libraries that are not locked here, and a municipality's producer may send either. And it takes whatever our outboxes hold.
"""

ANYTHING = ACLFilter(
    None,
    None,
    ACLOperation.ANY,
    ACLPermissionType.ANY,
    ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
)
"""Every access list."""


class ProvisioningFailed(Exception):
    """What the declaration asks cannot be made; the message says what to do."""


@dataclass(frozen=True)
class Right:
    """One principal's right on one topic, or on all groups whose name begins with `name`."""

    principal: str
    kind: ResourceType
    name: str
    operation: ACLOperation

    def acl(self) -> ACL:
        """The same in kafka-python's words."""
        pattern = ACLResourcePatternType.PREFIXED if self.kind == ResourceType.GROUP else ACLResourcePatternType.LITERAL
        resource = ResourcePattern(self.kind, self.name, pattern)
        return ACL(f"User:{self.principal}", "*", self.operation, ACLPermissionType.ALLOW, resource)


def rights(topics: Iterable[Topic], principals: Iterable[str], named: Callable[[str], str]) -> set[Right]:
    """Every right that the declaration gives. `named` puts the namespace before a name."""
    found = {Right(named(each), ResourceType.GROUP, named(each), ACLOperation.READ) for each in principals}
    for topic in topics:
        name = named(topic.name)
        found.add(Right(named(topic.writer), ResourceType.TOPIC, name, ACLOperation.WRITE))
        found |= {Right(named(reader), ResourceType.TOPIC, name, ACLOperation.READ) for reader in topic.readers}
    return found


def topic_options(topic: Topic, replicas: int) -> dict[str, Any]:
    """What to create a topic with. A compacted topic keeps the newest state of each key for ever.

    Of three copies two must have a message before it is acknowledged, so that one broker's death loses and stops nothing.
    """
    configs = COMMON | {"cleanup.policy": "compact" if topic.compacted else "delete"}
    if not topic.compacted or topic.retention_ms != FOREVER:
        configs["retention.ms"] = str(topic.retention_ms)
    if replicas == MOST_REPLICAS:
        configs["min.insync.replicas"] = str(MOST_REPLICAS - 1)
    return {"num_partitions": topic.partitions, "replication_factor": replicas, "configs": configs}


def admin_client(engines: Engines) -> KafkaAdminClient:
    """A client of the administrator."""
    return KafkaAdminClient(
        bootstrap_servers=engines.bootstrap.split(","),
        **engines.tls.kafka_options(),
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=engines.kafka_admin,
        sasl_plain_password=engines.kafka_password,
        request_timeout_ms=REQUEST_MS,
    )


class KafkaProvisioning:
    """Provisions one system (namespace) on one cluster."""

    def __init__(self, engines: Engines, secrets: Secrets, namespace: str, codes: Sequence[str], memory: Path) -> None:
        self.engines = engines
        self.secrets = secrets
        self.namespace = namespace
        self.topics = declared(codes)
        self.principals = kafka_principals(codes)
        self.memory = memory

    def named(self, name: str) -> str:
        """A name with the namespace before it."""
        return names.on_kafka(self.namespace, name)

    def apply(self) -> dict[str, int]:
        """Make what is missing. Returns how many users, topics and rights were made or taken away; all 0 when nothing was."""
        client = admin_client(self.engines)
        try:
            cluster = client.describe_cluster()
            # Rights before topics: a broker takes in changes in order, and the files of 230 partitions take it seconds.
            return {
                "users": self._users(client, str(cluster["cluster_id"])),
                "rights": self._rights(client),
                "topics": self._topics(client, min(MOST_REPLICAS, len(cluster["brokers"]))),
            }
        finally:
            client.close()

    def _users(self, client: KafkaAdminClient, cluster: str) -> int:
        """Users with the passwords of the secrets folder. Kafka tells no password: digests of what was set are kept."""
        existing = set(client.describe_user_scram_credentials())
        passwords = {self.named(each): self.secrets.read(f"kafka-{each}") for each in self.principals}
        set_before = self._remembered()
        marks = {user: hashlib.sha256(f"{cluster}:{user}:{text}".encode()).hexdigest() for user, text in passwords.items()}
        missing = [user for user in passwords if user not in existing or set_before.get(user) != marks[user]]
        if missing:
            failed = client.alter_user_scram_credentials(
                [
                    UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, passwords[user], ITERATIONS)
                    for user in missing
                ]
            )
            if wrong := {user: why for user, why in failed.items() if why}:
                raise ProvisioningFailed(f"Kafka refuses users: {wrong}")
            private_file(self.memory, msgspec.json.encode(set_before | marks).decode())
        return len(missing)

    def _remembered(self) -> dict[str, str]:
        return msgspec.json.decode(self.memory.read_bytes(), type=dict[str, str]) if self.memory.exists() else {}

    def _topics(self, client: KafkaAdminClient, replicas: int) -> int:
        """Topics as declared: the missing are made, the others get what all have in common. How many that were."""
        existing = {topic["name"]: len(topic["partitions"]) for topic in client.describe_topics()}
        for topic in self.topics:
            if existing.get(self.named(topic.name), topic.partitions) != topic.partitions:
                raise ProvisioningFailed(
                    f"topic {topic.name} has {existing[self.named(topic.name)]} partitions, declared are {topic.partitions}: "
                    "positions count per partition, so declare a new version of the topic (all synthetic: `make clean`)"
                )
        wanted = {self.named(each.name): topic_options(each, replicas) for each in self.topics}
        missing = {name: options for name, options in wanted.items() if name not in existing}
        if missing:
            client.create_topics(missing, timeout_ms=REQUEST_MS)
            client.wait_for_topics(list(missing), timeout_ms=REQUEST_MS)
        return len(missing) + _alter(client, sorted(wanted.keys() & existing))

    def _rights(self, client: KafkaAdminClient) -> int:
        """Rights as declared: the missing are made, those of our users beyond the declaration are taken away."""
        wanted = {right.acl() for right in rights(self.topics, self.principals, self.named)}
        ours = {f"User:{self.named(each)}" for each in self.principals}
        found = existing_rights(client)
        missing, surplus = list(wanted - found), [acl for acl in found - wanted if acl.principal in ours]
        if missing and (failed := client.create_acls(missing)["failed"]):
            raise ProvisioningFailed(f"Kafka refuses rights: {sorted({error.__name__ for error in failed})}")
        if surplus:
            client.delete_acls([_exactly(acl) for acl in surplus])
        if missing or surplus:
            # The controller has them; the broker that checks them learns of them a moment later.
            wait_until(lambda: _in_force(client, wanted, set(surplus)), IN_FORCE_SECONDS, "Kafka rights in force")
        return len(missing) + len(surplus)


def _alter(client: KafkaAdminClient, names: Sequence[str]) -> int:
    """Give these topics what new ones have in common; how many had it not. What lies in them stays as it is."""
    others = _otherwise(client, names)
    if others:
        answers = client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, COMMON) for name in others])["topic"]
        if wrong := {name: why for name, why in answers.items() if why != "OK"}:
            raise ProvisioningFailed(f"Kafka refuses to alter topics: {wrong}")
        wait_until(lambda: not _otherwise(client, names), IN_FORCE_SECONDS, "topics are as declared")
    return len(others)


def _otherwise(client: KafkaAdminClient, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, list(COMMON)) for name in names]
    found = client.describe_configs(asked)["topic"]
    return [name for name in names if {key: config["value"] for key, config in found[name].items()} != COMMON]


def existing_rights(client: KafkaAdminClient) -> set[ACL]:
    """All access lists of the cluster."""
    return set(client.describe_acls(ANYTHING)[0])


def _in_force(client: KafkaAdminClient, wanted: set[ACL], surplus: set[ACL]) -> bool:
    now = existing_rights(client)
    return wanted <= now and not surplus & now


def _exactly(acl: ACL) -> ACLFilter:
    resource = acl.resource_pattern
    pattern = ResourcePatternFilter(resource.resource_type, resource.resource_name, resource.pattern_type)
    return ACLFilter(acl.principal, acl.host, acl.operation, acl.permission_type, pattern)
