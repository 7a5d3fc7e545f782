"""What only Kafka's administrator can see of a system's health: how long topics keep, and what anybody may do with them.

`python -m deploy doctor` prints it below what the services say of themselves (`socialsog doctor`).
"""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import closing

from kafka import KafkaAdminClient
from kafka.admin import ACL, ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from deploy.provision.kafka import KafkaProvisioning, admin_client, existing_rights, rights, topic_options
from deploy.rights import Ours
from deploy.system import System
from services.commands.doctor import Line, examine
from services.runtime.checks.finding import Finding, bad, ok, warn
from services.runtime.checks.kafka import provision, some, unreachable
from services.runtime.checks.mends import start

DEFAULTS = {
    "cleanup.policy": "delete",
    "compression.type": "producer",
    "max.message.bytes": "1048588",
    "retention.ms": "604800000",
}
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
            yield _rights(provisioning, client, Ours.named(system.namespace, system.municipalities))
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
                mend = _as_administrator(provisioning, ["configs", "alter", "-r", "topic", "-n", name, "-c", f"{key}={value}"])
                return bad("retention", f"{name}: {key} is {set_to}, declared is {value}", mend)
    return ok("retention", f"{len(wanted)} topics keep as long as declared")


def _as_administrator(provisioning: KafkaProvisioning, change: Sequence[str]) -> str:
    """A command of the Kafka client's own tool, which is here wherever this is. It says where the password is, and not what."""
    engines, own = provisioning.engines, provisioning.secrets.folder / "kafka-admin"
    where = ["-b", engines.bootstrap, "-S", engines.tls.kafka_protocol, "-M", "SCRAM-SHA-512", "-U", engines.kafka_admin]
    trusted = ["-C", f"ssl_cafile={engines.tls.kafka_ca}"] if engines.tls.kafka_ca else []
    password = str(own) if own.exists() else "-"
    return f".venv/bin/python -m deploy.kafka_admin {shlex.join([password, *where, *trusted, *change])}"


def _take_away(provisioning: KafkaProvisioning, acl: ACL) -> str:
    """What removes an entry that provisioning leaves alone."""
    about = acl.resource_pattern
    entry = ["--principal", acl.principal, "--operation", acl.operation.name.lower()]
    entry += ["--resource-type", about.resource_type.name.lower(), "--resource-name", about.resource_name]
    return _as_administrator(provisioning, ["acls", "delete", *entry, "--pattern-type", about.pattern_type.name.lower()])


def _words(acl: ACL) -> str:
    return f"{acl.principal.removeprefix('User:')} {acl.operation.name} {acl.resource_pattern.resource_name}"


def _rights(provisioning: KafkaProvisioning, client: KafkaAdminClient, ours: Ours) -> Finding:
    wanted = {right.acl() for right in rights(provisioning.topics, provisioning.principals, provisioning.named)}
    found = existing_rights(client)
    missing = sorted(map(_words, wanted - found))
    surplus = sorted(filter(ours.concerns, found - wanted), key=_words)
    strangers = [acl for acl in surplus if acl.principal not in ours.principals]
    if missing:
        return bad("rights", f"missing: {some(missing)}", provision())
    if strangers:
        mend = _take_away(provisioning, strangers[0])
        return warn("rights", f"of principals that are not ours: {some(list(map(_words, strangers)))}", mend)
    if surplus:
        mend = start("takes away what is not declared")
        return warn("rights", f"more than declared: {some(list(map(_words, surplus)))}", mend)
    return ok("rights", f"{len(wanted)} access list entries as declared")
