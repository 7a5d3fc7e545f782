"""The files that one Kafka node reads: its settings and those of its log. Pure text from a few values.

Every listener is on 127.0.0.1 and asks for a password: clients log in with SCRAM, the node itself with SCRAM as `admin` and,
on the controller's listener, with PLAIN as `controller` (SCRAM users are stored in the very log that this listener serves).
"""

from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import quoteattr

from deploy.addresses import HOST
from deploy.certificates import Certificates
from services.runtime.tls import Tls

SETTINGS: dict[str, object] = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
    "inter.broker.listener.name": "CLIENT",
    "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
    "sasl.mechanism.controller.protocol": "PLAIN",
    "listener.name.client.sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "false",
    "super.users": "User:admin;User:controller",
    # Who is connected proves anew who it is: with a password that was replaced nobody stays longer than this.
    "connections.max.reauth.ms": 600_000,
    "auto.create.topics.enable": "false",
    # One node cannot hold three copies.
    "default.replication.factor": 1,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    # Group offsets serve displays only; nobody uses transactions or share groups. Fewer partitions, quicker start.
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 1,
    "share.coordinator.state.topic.num.partitions": 1,
    # A group is complete as soon as its one member has come: no second to wait for more.
    "group.initial.rebalance.delay.ms": 0,
    # After kill -9 the node waits for the end of its own old session (9000 by default) before it serves again. Not under
    # two missed seconds, so that a busy machine does not shut out a node that lives.
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    # About 250 small topics: index files of 256 KiB instead of 10 MiB each, set aside in full while a segment is open.
    "log.index.size.max.bytes": 262144,
    # The compactor's memory is part of a small heap; it holds 24 bytes per key, so 4 MiB serve 170,000 keys a round.
    "log.cleaner.dedupe.buffer.size": 4194304,
    "log.cleaner.io.buffer.size": 131072,
    # Threads for two cores and a dozen clients.
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 2,
    "num.replica.fetchers": 1,
    "num.recovery.threads.per.data.dir": 2,
}

CLUSTER: dict[str, object] = {
    # Three copies, of which two must have a message before it is acknowledged: one broker may die without loss or pause.
    "default.replication.factor": 3,
    "min.insync.replicas": 2,
    "offsets.topic.replication.factor": 3,
    "transaction.state.log.replication.factor": 3,
    "transaction.state.log.min.isr": 2,
    "share.coordinator.state.topic.replication.factor": 3,
    "share.coordinator.state.topic.min.isr": 2,
}
"""What is different where a broker has others beside it."""

LOGGERS = {
    # One line per partition and state: 300 at each start, of no use on one node.
    "state.change.logger": "WARN",
    "org.apache.kafka.storage.internals.log": "WARN",
    "kafka.log": "WARN",
    "kafka.cluster": "WARN",
    "kafka.coordinator": "WARN",
    "kafka.server.ReplicaManager": "WARN",
    "kafka.server.ReplicaFetcherManager": "WARN",
    "org.apache.kafka.common.config": "WARN",
    "org.apache.kafka.controller": "WARN",
    "org.apache.kafka.image": "WARN",
    "org.apache.kafka.raft": "WARN",
    # Never a request's content.
    "kafka.request.logger": "OFF",
    # Says which right a service lacks.
    "kafka.authorizer.logger": "INFO",
}


@dataclass(frozen=True)
class Node:
    """One node: ports on 127.0.0.1, its data folder and its two passwords; its number among the controllers of a cluster.

    `advertised_port`: what clients are told to connect to, where something passes that on to `client_port` (tests' proxy).
    `tls`: its certificates, when connections are encrypted.
    """

    client_port: int
    controller_port: int
    data: Path
    admin_password: str = field(repr=False)
    controller_password: str = field(repr=False)
    number: int = 1
    controllers: tuple[int, ...] = ()
    advertised_port: int | None = None
    tls: Certificates | None = None

    @property
    def voters(self) -> str:
        """The quorum: every controller with its number; this node alone unless others are named."""
        ports = self.controllers or (self.controller_port,)
        return ",".join(f"{number}@{HOST}:{port}" for number, port in enumerate(ports, 1))

    @property
    def trust(self) -> Tls:
        """How clients connect to the node, and who vouches for it."""
        return Tls(self.tls is not None, self.tls.trusted if self.tls else None)


def _login(module: str, user: str, password: str, users: str = "") -> str:
    return f'org.apache.kafka.common.security.{module} required username="{user}" password="{password}"{users};'


def server_properties(node: Node) -> str:
    """`server.properties`. Holds passwords: write it for the owner only."""
    own = node.controller_password
    alone = len(node.controllers) < 2
    values = (SETTINGS if alone else SETTINGS | CLUSTER) | {
        "node.id": node.number,
        "controller.quorum.voters": node.voters,
        "listeners": f"CLIENT://{HOST}:{node.client_port},CONTROLLER://{HOST}:{node.controller_port}",
        "advertised.listeners": f"CLIENT://{HOST}:{node.advertised_port or node.client_port}",
        "log.dirs": node.data,
        "listener.name.client.scram-sha-512.sasl.jaas.config": _login("scram.ScramLoginModule", "admin", node.admin_password),
        "listener.name.controller.plain.sasl.jaas.config": _login(
            "plain.PlainLoginModule", "controller", own, f' user_controller="{own}"'
        ),
    }
    if node.tls is not None:
        values |= encryption(node.tls)
    return "".join(f"{name}={value}\n" for name, value in values.items())


def encryption(tls: Certificates) -> dict[str, object]:
    """What encrypts both listeners and the node's own connections to them. PEM as it is: no keystore password to keep."""
    return {
        "listener.security.protocol.map": "CLIENT:SASL_SSL,CONTROLLER:SASL_SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": tls.folder / "kafka.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": tls.trusted,
    }


def log_configuration(file: Path) -> str:
    """`log4j2.xml`: one file of at most 10 MB and two older ones, for the owner only."""
    loggers = "".join(f'<Logger name="{name}" level="{level}"/>' for name, level in LOGGERS.items())
    name, older = quoteattr(str(file)), quoteattr(f"{file}.%i")
    return f"""<Configuration>
  <Appenders>
    <RollingFile name="file" fileName={name} filePattern={older} filePermissions="rw-------">
      <PatternLayout pattern="%d{{ISO8601}} %p %m (%c{{1}})%n"/>
      <SizeBasedTriggeringPolicy size="10 MB"/>
      <DefaultRolloverStrategy max="2"/>
    </RollingFile>
  </Appenders>
  <Loggers>{loggers}<Root level="INFO"><AppenderRef ref="file"/></Root></Loggers>
</Configuration>
"""
