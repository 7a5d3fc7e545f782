"""One Apache Kafka node (KRaft, broker and controller in one process) with log-in and rights, kept over restarts.

`start` formats the data folder the first time, waits until the node really serves, and can be called when it already runs.
"""

import shutil
import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from deploy.addresses import HOST, is_free
from deploy.embedded.jars import Progress
from deploy.embedded.java import class_path, java
from deploy.embedded.kafka_settings import Node, log_configuration, server_properties
from deploy.pids import Command, Process
from deploy.secrets import private_file
from deploy.waiting import DeadlinePassed, wait_until
from services.runtime.tls import Tls

HEAP_MB = 144
"""Some 60 of it stay in use; with 176 the node had 304 MiB resident when the country was loaded. A message may be 1 MiB."""
READY_SECONDS = 60
"""Two seconds on an idle machine; far more on one that does three other things."""
STOP_SECONDS = 30
PROBE_MS = 2000
"""A probe's own patience. Short, because a client that connects before the node serves hangs for its whole timeout."""


class KafkaFailed(Exception):
    """Kafka did not start; the message names the log to read."""


class KafkaServer:
    """One node of a state folder, named `kafka`: settings and data in `$STATE/kafka`, log in `$STATE/logs/kafka.log`."""

    def __init__(self, state: Path, node: Node, name: str = "kafka") -> None:
        self.name = name
        self.folder = node.data.parent
        self.formatted = self.folder / "formatted"
        self.logs = state / "logs"
        self.node = node
        self.process = Process(state / "pids", name)

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return f"{HOST}:{self.node.client_port}"

    @property
    def log(self) -> Path:
        """What it writes of its own doings."""
        return self.logs / f"{self.name}.log"

    @property
    def cluster_id(self) -> str | None:
        """Id of the cluster that its data folder belongs to; None before it is formatted."""
        marks = self.node.data / "meta.properties"
        lines = marks.read_text(encoding="ascii").splitlines() if self.formatted.exists() else []
        return next((line.partition("=")[2] for line in lines if line.startswith("cluster.id=")), None)

    def start(self, progress: Progress = lambda what, done, total: None, cluster_id: str | None = None) -> None:
        """Start unless it runs, and wait until it serves. Raises KafkaFailed. `cluster_id`: for its first start."""
        if self.process.pid is None:
            self._launch(class_path(progress), cluster_id or new_cluster_id())
        try:
            wait_until(self._serves_or_died, READY_SECONDS, f"{self.name} ready")
        except DeadlinePassed as late:
            raise KafkaFailed(f"{late}; read {self.log}") from None

    def _launch(self, jars: str, cluster_id: str) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        private_file(self.folder / "server.properties", server_properties(self.node))
        private_file(self.folder / "log4j2.xml", log_configuration(self.log))
        if not self.formatted.exists():
            self._format(jars, cluster_id)
        self.process.start(
            Command(
                [*self._java(jars, HEAP_MB), "kafka.Kafka", str(self.folder / "server.properties")],
                log=self.logs / f"{self.name}-console.log",
                folder=self.folder,
            )
        )

    def _java(self, jars: str, heap_mb: int) -> list[str]:
        return [
            *java(f"-Dlog4j2.configurationFile={self.folder / 'log4j2.xml'}", "-Djava.net.preferIPv4Stack=true", heap_mb=heap_mb),
            "-cp",
            jars,
        ]

    def _format(self, jars: str, cluster_id: str) -> None:
        """Make the data folder with the first user, `admin`. Arguments go by file: a command line is visible to everybody."""
        shutil.rmtree(self.node.data, ignore_errors=True)
        arguments = self.folder / "format.arguments"
        private_file(
            arguments,
            "\n".join(
                [
                    "format",
                    "--cluster-id",
                    cluster_id,
                    "--config",
                    str(self.folder / "server.properties"),
                    "--add-scram",
                    f"SCRAM-SHA-512=[name=admin,password={self.node.admin_password}]",
                ]
            ),
        )
        command = [*self._java(jars, HEAP_MB), "kafka.tools.StorageTool", f"@{arguments}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder)
        arguments.unlink()
        if done.returncode:
            said = self.logs / f"{self.name}-format.log"
            private_file(said, done.stdout + done.stderr)
            raise KafkaFailed(f"Kafka's data folder cannot be formatted; read {said}")
        self.formatted.touch()

    def _serves_or_died(self) -> bool:
        if self.process.pid is None:
            raise KafkaFailed(f"{self.name} ended while starting; read {self.log} and {self.name}-console.log beside it")
        return self.serves()

    def serves(self) -> bool:
        """Whether a fresh client can log in and sees a broker that is not fenced."""
        if is_free(self.node.client_port):
            return False
        return serves(self.bootstrap, "admin", self.node.admin_password, self.node.trust, self.node.number)

    def stop(self) -> bool:
        """Orderly stop; True unless it had to be killed."""
        return self.process.stop(seconds=STOP_SECONDS)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()


def new_cluster_id() -> str:
    """A random id in Kafka's form: 16 bytes in URL-safe base64. One that begins with a dash would be read as an option."""
    while (text := urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def serves(bootstrap: str, user: str, password: str, tls: Tls, number: int | None = None) -> bool:
    """Whether a Kafka cluster answers a fresh client of this user, and this broker (any unless given) lives: is not fenced."""
    try:
        client = KafkaAdminClient(
            bootstrap_servers=bootstrap,
            **tls.kafka_options(),
            sasl_mechanism="SCRAM-SHA-512",
            sasl_plain_username=user,
            sasl_plain_password=password,
            bootstrap_timeout_ms=PROBE_MS,
            request_timeout_ms=PROBE_MS,
        )
    except (KafkaError, OSError):
        return False
    try:
        brokers = client.describe_cluster()["brokers"]
        return any(number in (None, each["broker_id"]) and not each.get("is_fenced") for each in brokers)
    except (KafkaError, OSError):
        return False
    finally:
        client.close()
