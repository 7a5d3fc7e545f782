"""The embedded servers after an interrupted rotation of an administrator's password: the present one is good, or the one that
was noted beside it before it was set.

Only a server that runs can tell which. So it is started with both at hand, and where the noted one is good it is taken over, as
the rotation would have done.
"""

from dataclasses import replace

from deploy.embedded.cluster import KafkaCluster
from deploy.embedded.jars import Progress
from deploy.embedded.kafka import KafkaServer
from deploy.embedded.postgres import PostgresServer, answers
from deploy.secrets import Secrets

POSTGRES, KAFKA = "postgres-admin", "kafka-admin"


class EitherPostgres(PostgresServer):
    """Ready for whoever has the present password or the noted one."""

    def __init__(self, present: PostgresServer, noted: str) -> None:
        super().__init__(present.state, present.port, present.password)
        self.noted = PostgresServer(present.state, present.port, noted)

    def _answers_or_died(self) -> bool:
        return super()._answers_or_died() or answers(self.noted.url())


class EitherKafka(KafkaServer):
    """A node that is ready for whoever has the present password or the noted one."""

    def __init__(self, present: KafkaServer, noted: str) -> None:
        super().__init__(present.logs.parent, present.node, present.name)
        self.noted = KafkaServer(present.logs.parent, replace(present.node, admin_password=noted), present.name)

    def serves(self) -> bool:
        """Whether a fresh client can log in with either, and sees a broker that is not fenced."""
        return super().serves() or self.noted.serves()


def start_postgres(server: PostgresServer, secrets: Secrets) -> None:
    """Start it, and take over the noted password where it is the good one."""
    noted = secrets.noted(POSTGRES)
    if noted is None:
        server.start()
        return
    either = EitherPostgres(server, noted)
    either.start()
    if answers(either.noted.url()):
        secrets.adopt(POSTGRES)


def start_kafka(cluster: KafkaCluster, secrets: Secrets, progress: Progress) -> None:
    """Start it, and take over the noted password where it is the good one. The nodes log in with it too, so they get it first."""
    noted = secrets.noted(KAFKA)
    if noted is None:
        cluster.start(progress)
        return
    either = [EitherKafka(node, noted) for node in cluster.nodes]
    KafkaCluster(either).start(progress)
    if either[0].noted.serves():
        cluster.stop()
        KafkaCluster([node.noted for node in either]).start(progress)
        secrets.adopt(KAFKA)
