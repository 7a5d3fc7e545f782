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
from deploy.certificates import Certificates
from deploy.embedded.java import Progress, class_path, java
from deploy.embedded.kafka_settings import Node, log_configuration, server_properties
from deploy.pids import Command, Process
from deploy.secrets import private_file
from deploy.waiting import DeadlinePassed, wait_until
from services.runtime.tls import Tls

HEAP_MB = 384
"""Measured: 320-370 MB resident under the demo's load."""
READY_SECONDS = 60
"""Two seconds on an idle machine; far more on one that does three other things."""
STOP_SECONDS = 30
PROBE_MS = 2000
"""A probe's own patience. Short, because a client that connects before the node serves hangs for its whole timeout."""


class KafkaFailed(Exception):
    """Kafka did not start; the message names the log to read."""


class KafkaServer:
    """Kafka of one state folder: settings and data in `$STATE/kafka`, log in `$STATE/logs/kafka.log`."""

    def __init__(
        self,
        state: Path,
        client_port: int,
        controller_port: int,
        admin: str,
        controller: str,
        tls: Certificates | None = None,
    ) -> None:
        self.folder = state / "kafka"
        self.formatted = self.folder / "formatted"
        self.logs = state / "logs"
        self.node = Node(client_port, controller_port, self.folder / "data", admin, controller, tls)
        self.process = Process(state / "pids", "kafka")

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return f"{HOST}:{self.node.client_port}"

    def start(self, progress: Progress = lambda what, done, total: None) -> None:
        """Start unless it runs, and wait until it serves. Raises KafkaFailed."""
        if self.process.pid is None:
            self._launch(class_path(progress))
        try:
            wait_until(self._serves_or_died, READY_SECONDS, "Kafka ready")
        except DeadlinePassed as late:
            raise KafkaFailed(f"{late}; read {self.logs / 'kafka.log'}") from None

    def _launch(self, jars: str) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        private_file(self.folder / "server.properties", server_properties(self.node))
        if self.node.tls is not None:
            self.node.tls.keystore("kafka")
        private_file(self.folder / "log4j2.xml", log_configuration(self.logs / "kafka.log"))
        if not self.formatted.exists():
            self._format(jars)
        self.process.start(
            Command(
                [*self._java(jars, HEAP_MB), "kafka.Kafka", str(self.folder / "server.properties")],
                log=self.logs / "kafka-console.log",
                folder=self.folder,
            )
        )

    def _java(self, jars: str, heap_mb: int) -> list[str]:
        return [
            *java(f"-Dlog4j2.configurationFile={self.folder / 'log4j2.xml'}", "-Djava.net.preferIPv4Stack=true", heap_mb=heap_mb),
            "-cp",
            jars,
        ]

    def _format(self, jars: str) -> None:
        """Make the data folder with the first user, `admin`. Arguments go by file: a command line is visible to everybody."""
        shutil.rmtree(self.node.data, ignore_errors=True)
        arguments = self.folder / "format.arguments"
        private_file(
            arguments,
            "\n".join(
                [
                    "format",
                    "--cluster-id",
                    _cluster_id(),
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
            private_file(self.logs / "kafka-format.log", done.stdout + done.stderr)
            raise KafkaFailed(f"Kafka's data folder cannot be formatted; read {self.logs / 'kafka-format.log'}")
        self.formatted.touch()

    def _serves_or_died(self) -> bool:
        if self.process.pid is None:
            raise KafkaFailed(f"Kafka ended while starting; read {self.logs / 'kafka.log'} and kafka-console.log beside it")
        return self.serves()

    def serves(self) -> bool:
        """Whether a fresh client can log in and sees a broker that is not fenced."""
        return not is_free(self.node.client_port) and serves(
            self.bootstrap, "admin", self.node.admin_password, self.node.authority
        )

    def stop(self) -> bool:
        """Orderly stop; True unless it had to be killed."""
        return self.process.stop(seconds=STOP_SECONDS)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()


def _cluster_id() -> str:
    """A random id in Kafka's form: 16 bytes in URL-safe base64. One that begins with a dash would be read as an option."""
    while (text := urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def serves(bootstrap: str, user: str, password: str, authority: Path | None = None) -> bool:
    """Whether a Kafka cluster answers a fresh client of this user, with at least one live broker."""
    try:
        client = KafkaAdminClient(
            bootstrap_servers=bootstrap,
            **Tls(authority is not None, authority).kafka_options(),
            sasl_mechanism="SCRAM-SHA-512",
            sasl_plain_username=user,
            sasl_plain_password=password,
            bootstrap_timeout_ms=PROBE_MS,
            request_timeout_ms=PROBE_MS,
        )
    except (KafkaError, OSError):
        return False
    try:
        return bool(client.describe_cluster()["brokers"])
    except (KafkaError, OSError):
        return False
    finally:
        client.close()
