"""What only Kafka's administrator can see of a system's health: how long topics keep, and what everybody else may do.

`python -m deploy doctor` prints it below what the services say of themselves (`socialsog doctor`).
"""

from collections.abc import Iterator
from contextlib import closing

from kafka import KafkaAdminClient
from kafka.admin import ACL, ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from deploy.provision.kafka import KafkaProvisioning, admin_client, existing_rights, rights, topic_options
from deploy.system import System
from services.commands.doctor import Line, examine
from services.runtime.checks.finding import Finding, bad, ok, warn
from services.runtime.checks.kafka import provision, some, unreachable

DEFAULTS = {"cleanup.policy": "delete", "retention.ms": "604800000"}
"""Kafka's own, which it does not repeat for a topic."""


def look(system: System) -> list[Line]:
    """All findings: the services' and the administrator's."""
    return [*examine(system.settings("cli")), *(Line("kafka", finding) for finding in administrator(system))]


def administrator(system: System) -> Iterator[Finding]:
    """Topics and rights beside their declaration."""
    provisioning = system.kafka()
    try:
        with closing(admin_client(provisioning.engines)) as client:
            yield _kept(provisioning, client)
            yield _rights(provisioning, client)
    except KafkaError:
        yield unreachable(system.engines.bootstrap)


def _kept(provisioning: KafkaProvisioning, client: KafkaAdminClient) -> Finding:
    wanted = {provisioning.named(each.name): topic_options(each, 1)["configs"] for each in provisioning.topics}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted]
    found = client.describe_configs(asked)["topic"]
    for name, configs in wanted.items():
        for key, value in configs.items():
            set_to = found[name].get(key, {"value": DEFAULTS[key]})["value"] if name in found else None
            if set_to != value:
                return bad("retention", f"{name}: {key} is {set_to}, declared is {value}", _alter(provisioning, name, key, value))
    return ok("retention", f"{len(wanted)} topics keep as long as declared")


def _alter(provisioning: KafkaProvisioning, name: str, key: str, value: str) -> str:
    place = f"--bootstrap-server {provisioning.engines.bootstrap} --command-config ADMIN.properties"
    return f"kafka-configs.sh {place} --alter --entity-type topics --entity-name {name} --add-config {key}={value}"


def _words(acl: ACL) -> str:
    return f"{acl.principal.removeprefix('User:')} {acl.operation.name} {acl.resource_pattern.resource_name}"


def _rights(provisioning: KafkaProvisioning, client: KafkaAdminClient) -> Finding:
    wanted = {right.acl() for right in rights(provisioning.topics, provisioning.principals, provisioning.named)}
    ours = {f"User:{provisioning.named(each)}" for each in provisioning.principals}
    found = existing_rights(client)
    missing = sorted(map(_words, wanted - found))
    surplus = sorted(_words(acl) for acl in found - wanted if acl.principal in ours)
    if missing:
        return bad("rights", f"missing: {some(missing)}", provision())
    if surplus:
        return warn("rights", f"more than declared: {some(surplus)}", "make start  # takes away what is not declared")
    return ok("rights", f"{len(wanted)} access list entries as declared")
