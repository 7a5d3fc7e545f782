"""Passwords of Kafka and PostgreSQL. The secrets folder is the truth; provisioning brings the engines to it."""

from collections.abc import Sequence

import psycopg
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from deploy.embedded.kafka import serves
from deploy.embedded.postgres import ADMIN, answers
from deploy.provision.kafka import ITERATIONS, ProvisioningFailed, admin_client
from deploy.provision.postgres import end_sessions
from deploy.system import System
from services.runtime.settings import SERVICES


class Login:
    """A log-in of a service or of somebody outside."""

    restarts_kafka = False
    engine = ""

    def __init__(self, system: System, principal: str) -> None:
        self.system = system
        self.name = f"{self.engine}-{principal}"
        self.restarts: Sequence[str] = [principal] if principal in SERVICES else []

    def apply(self) -> None:
        """A new password in the folder. Provisioning sees that the engine's differs; whoever connects between waits."""
        self.system.secrets.renew(self.name)

    def finish(self) -> None:
        """The engine knows one password only: the old one is worthless already."""

    def drop_old(self) -> None:
        """The same."""


class KafkaLogin(Login):
    """A principal's. Who is connected is asked for the password anew within ten minutes (`connections.max.reauth.ms`)."""

    engine = "kafka"


class PostgresLogin(Login):
    """A role's. Provisioning ends what it has open; its service connects anew with the new one."""

    engine = "postgres"


class Admin:
    """An administrator's password: it opens the door to its own change, so the new one is noted before it is set.

    After an interruption either the noted or the present one is good, and the change is made again with the same new one.
    """

    restarts: Sequence[str] = ()
    restarts_kafka = False
    name = ""

    def __init__(self, system: System) -> None:
        self.system = system

    def apply(self) -> None:
        """Note it, set it, take it over."""
        fresh = self.system.secrets.propose(self.name)
        if not self.opens(fresh):
            self.set(fresh)
        self.system.secrets.adopt(self.name)

    def opens(self, password: str) -> bool:
        """Whether this password is good now."""
        raise NotImplementedError

    def set(self, password: str) -> None:
        """Set it, with the present one."""
        raise NotImplementedError

    def finish(self) -> None:
        """The engine knows one password only: the old one is worthless already."""

    def drop_old(self) -> None:
        """The same."""


class KafkaAdmin(Admin):
    """Also the node's own log-in, so the node is restarted with it."""

    name = "kafka-admin"
    restarts_kafka = True

    def opens(self, password: str) -> bool:
        """Whether Kafka takes it."""
        engines = self.system.engines
        return serves(engines.bootstrap, engines.kafka_admin, password, engines.tls)

    def set(self, password: str) -> None:
        """Set it in Kafka."""
        user = self.system.engines.kafka_admin
        change = UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password, ITERATIONS)
        with admin_client(self.system.engines) as client:
            if client.alter_user_scram_credentials([change])[user]:
                raise ProvisioningFailed("Kafka refuses the administrator's new password")


class PostgresAdmin(Admin):
    """Used by provisioning only."""

    name = "postgres-admin"

    def opens(self, password: str) -> bool:
        """Whether PostgreSQL takes it."""
        present = self.system.secrets.read(self.name)
        return answers(self.system.engines.admin_url.replace(f":{present}@", f":{password}@"))

    def set(self, password: str) -> None:
        """Set it in PostgreSQL; only its verifier travels."""
        with psycopg.connect(self.system.engines.admin_url) as connection:
            verifier = connection.pgconn.encrypt_password(password.encode(), ADMIN.encode(), b"scram-sha-256").decode()
            connection.execute(f"ALTER ROLE {ADMIN} PASSWORD '{verifier}'".encode())

    def finish(self) -> None:
        """Nobody stays who entered with the old one."""
        end_sessions(self.system.engines.admin_url, ADMIN)


class KafkaController:
    """What the nodes know each other by. It stands in their settings, and all must know the same: they are restarted together."""

    restarts: Sequence[str] = ()
    restarts_kafka = True

    def __init__(self, system: System) -> None:
        self.system = system

    def apply(self) -> None:
        """A new one in the folder."""
        self.system.secrets.renew("kafka-controller")

    def finish(self) -> None:
        """No node knows the old one any more."""

    def drop_old(self) -> None:
        """The same."""
