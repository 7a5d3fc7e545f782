"""The two servers a system runs on, as far as provisioning and services must know them – and the embedded pair of one folder."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from deploy import addresses
from deploy.addresses import Addresses
from deploy.certificates import Certificates
from deploy.embedded import cluster
from deploy.embedded.cluster import KafkaCluster
from deploy.embedded.jars import Progress
from deploy.embedded.postgres import PostgresServer
from deploy.pids import Process
from deploy.secrets import Secrets
from deploy.unsettled import start_kafka, start_postgres
from services.runtime import settings, tls
from services.runtime.tls import Tls, database_options

DATABASE = "socialsog"


@dataclass(frozen=True)
class Engines:
    """Addresses, and the administrators' log-ins, which only provisioning uses. `admin_url` names a database that exists.

    What runs on `passing` engines ends with the process that started it, however that ends (tests).
    """

    bootstrap: str
    kafka_admin: str
    kafka_password: str = field(repr=False)
    admin_url: str = field(repr=False)
    database: str = DATABASE
    passing: bool = False
    tls: Tls = Tls()

    @property
    def database_url(self) -> str:
        """Where services find the database; no log-in in it."""
        parts = urlsplit(self.admin_url)
        options = database_options(parts.query)
        return f"postgresql://{parts.hostname}:{parts.port or 5432}/{self.database}{f'?{options}' if options else ''}"

    def admin_of(self, database: str) -> str:
        """The administrator's URL of another database on the same server."""
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{database}"))


def given(environ: Mapping[str, str] = os.environ) -> Engines | None:
    """Engines that the environment names: `KAFKA_BOOTSTRAP_SERVERS` and `DATABASE_URL` (with its administrator's log-in);
    Kafka's administrator in `KAFKA_ADMIN_USER` (admin unless set) and `KAFKA_ADMIN_PASSWORD`. None unless both are named.
    Raises Fatal where an administrator's log-in would leave this machine over a plain connection.
    """
    bootstrap, url = environ.get("KAFKA_BOOTSTRAP_SERVERS"), environ.get("DATABASE_URL")
    if not bootstrap or not url:
        return None
    encryption = tls.load(environ)
    settings.refuse_plain(
        list(settings.plain_engines(bootstrap, encryption, settings.place(url))), environ.get(settings.CLOSED_NETWORK) == "on"
    )
    name = urlsplit(url).path.lstrip("/")
    return Engines(
        bootstrap,
        environ.get("KAFKA_ADMIN_USER", "admin"),
        environ.get("KAFKA_ADMIN_PASSWORD", ""),
        url,
        name if name not in ("", "postgres") else DATABASE,
        tls=encryption,
    )


class EmbeddedEngines:
    """Kafka and PostgreSQL of one state folder. Ports are chosen at `start`; all servers start side by side.

    `brokers`: how many Kafka nodes (1 or 3); as the folder remembers, else one, unless given. `advertised_port`: the port of a
    proxy before Kafka, which clients are told in its place (tests). `encrypted`: make certificates at the first start.
    """

    def __init__(
        self, state: Path, brokers: int | None = None, advertised_port: int | None = None, encrypted: bool = False
    ) -> None:
        self.state = state.resolve()
        self.brokers = brokers
        self.encrypted = encrypted
        self.advertised_port = advertised_port
        self.secrets = Secrets(self.state / "secrets")
        self.certificates = Certificates(self.secrets.folder)

    @property
    def tls(self) -> Certificates | None:
        """Certificates, where there are any: a system that was once started encrypted stays so."""
        return self.certificates if self.certificates.exist else None

    @property
    def names(self) -> list[str]:
        """Names of the servers, as processes: `kafka` (or `kafka-1` …) and `postgres`."""
        return [*cluster.names(self.addresses.brokers), "postgres"]

    def running(self, name: str) -> bool:
        """Whether any node of `kafka`, `postgres` or any of the `services` of this folder runs."""
        pids = self.state / "pids"
        found = {"postgres"} if name == "postgres" else set(self.names) - {"postgres"}
        if name == "services":
            found = {path.stem for path in pids.glob("*.json")} - set(self.names)
        return any(Process(pids, each).pid for each in found)

    @property
    def addresses(self) -> Addresses:
        """Where they listen, or last listened."""
        return addresses.load(self.state) or Addresses(brokers=self.brokers or 1)

    @property
    def kafka(self) -> KafkaCluster:
        """Kafka, of one node or three, running or not."""
        admin, controller = self.secrets.read("kafka-admin"), self.secrets.read("kafka-controller")
        return cluster.build(self.state, self.addresses, admin, controller, self.advertised_port, self.tls)

    @property
    def postgres(self) -> PostgresServer:
        """The PostgreSQL server, running or not."""
        return PostgresServer(self.state, self.addresses.postgres, self.secrets.read("postgres-admin"))

    @property
    def engines(self) -> Engines:
        """What provisioning and services need to know of them."""
        trusted = self.tls.trusted if self.tls else None
        return Engines(
            self.kafka.bootstrap,
            "admin",
            self.secrets.read("kafka-admin"),
            self.postgres.url(),
            tls=Tls(trusted is not None, trusted),
        )

    def start(self, progress: Progress = lambda what, done, total: None, first: Addresses | None = None) -> Engines:
        """Start what does not run yet and wait until all serve. `first`: where to look for ports the first time.

        After an interrupted rotation of an administrator's password the one that is good is found and kept.
        Raises AnotherSize where the folder remembers another number of brokers.
        """
        self.state.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.secrets.make_engines()
        if self.encrypted or self.tls:
            self.certificates.make()
        addresses.choose(self.state, self.running, first, self.brokers)
        with ThreadPoolExecutor(2) as pool:
            database = pool.submit(start_postgres, self.postgres, self.secrets)
            for server in [database, pool.submit(start_kafka, self.kafka, self.secrets, progress)]:
                server.result()
        return self.engines

    def stop(self) -> list[str]:
        """Stop all; the names of those that had to be killed."""
        if not self.secrets.folder.exists():
            return []
        with ThreadPoolExecutor(2) as pool:
            database, brokers = pool.submit(self.postgres.stop), pool.submit(self.kafka.stop)
            return brokers.result() + ([] if database.result() else ["postgres"])
