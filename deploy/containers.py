"""Kafka and PostgreSQL as containers, from the public images, with the same settings as the embedded ones.

The tests' pair of containers stands here; what `docker-compose.yml` needs of the settings is made here too.

Ports are bound to 127.0.0.1 only, and are the same inside and outside, so that Kafka finds itself by the address it tells others.
"""

import os
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any
from uuid import uuid4

from kafka.admin import KafkaAdminClient, ScramMechanism, UserScramCredentialUpsertion
from kafka.errors import KafkaError

from deploy.addresses import HOST, KAFKA, POSTGRES, free_block
from deploy.embedded import kafka_settings, postgres
from deploy.engines import Engines
from deploy.waiting import wait_until

SCRAM_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule"
KAFKA_IMAGE = "apache/kafka:4.3.1"
POSTGRES_IMAGE = "postgres:18"
READY_SECONDS = 90
DAEMON_SECONDS = 5
"""For the daemon's answer: longer means that there is none."""
PULL_SECONDS = 120
INITDB = "--auth-host=scram-sha-256 --encoding=UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C"
OUTSIDE = frozenset({"listen_addresses", "unix_socket_directories"})
"""Settings of the embedded server that make no sense in a container: its door is the bound port."""


def docker_client(seconds: int) -> Any:
    """A client of the local Docker daemon. Raises whatever says that there is none."""
    # Its clean-up helper is one more image that may not be there; we stop our containers ourselves.
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    from testcontainers.core.docker_client import DockerClient

    return DockerClient(timeout=seconds).client


def obstacle(environ: Mapping[str, str] = os.environ) -> str | None:
    """Why containers cannot be used; None when they can."""
    errors: Any = import_module("docker.errors")
    unreachable = (errors.DockerException, OSError)  # what the HTTP library raises is an OSError too
    if not environ.get("DOCKER_HOST", "unix://").startswith("unix://"):
        return "DOCKER_HOST is another machine, and nothing may listen beyond this one"
    try:
        docker_client(DAEMON_SECONDS).ping()
    except unreachable:
        return "no Docker daemon answers"
    for image in (KAFKA_IMAGE, POSTGRES_IMAGE):
        try:
            docker_client(DAEMON_SECONDS).images.get(image)
        except errors.ImageNotFound:
            try:
                docker_client(PULL_SECONDS).images.pull(image)
            except unreachable:
                return f"a Docker daemon answers but neither has nor can pull {image}"
    return None


def environment_name(setting: str) -> str:
    """The variable by which the image `apache/kafka` takes a setting of `server.properties`."""
    return "KAFKA_" + setting.replace("_", "__").replace(".", "_").replace("-", "___").upper()


def kafka_environment(port: int, password: str, cluster: str = "") -> dict[str, str]:
    """Variables of the image `apache/kafka` for the embedded node's settings.

    The image formats its own data folder and takes no SCRAM user for it, so the administrator enters by PLAIN the first time.
    """
    settings = (
        kafka_settings.SETTINGS
        | _log_ins(password)
        | {
            "listeners": f"CLIENT://0.0.0.0:{port},CONTROLLER://localhost:9093",
            "advertised.listeners": f"CLIENT://{HOST}:{port}",
        }
    )
    return _variables(settings, cluster or uuid4().hex[:22])


def compose_kafka_environment(outside_port: int, cluster: str) -> dict[str, str]:
    """The same for `docker-compose.yml`: one listener for the services, one that is bound to this machine's loopback.

    No password in it: Kafka reads it from the secret's file. From outside nobody enters by PLAIN.
    """
    settings = (
        kafka_settings.SETTINGS
        | _log_ins("${directory:/run/secrets:kafka-admin}")
        | {
            "config.providers": "directory",
            "config.providers.directory.class": "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
            "listener.security.protocol.map": (
                f"{kafka_settings.SETTINGS['listener.security.protocol.map']},OUTSIDE:SASL_PLAINTEXT"
            ),
            "listeners": "CLIENT://0.0.0.0:9092,OUTSIDE://0.0.0.0:9392,CONTROLLER://localhost:9093",
            "advertised.listeners": f"CLIENT://kafka:9092,OUTSIDE://{HOST}:{outside_port}",
            "listener.name.outside.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.outside.scram-sha-512.sasl.jaas.config": f"{SCRAM_MODULE} required;",
            "log.dirs": "/var/lib/kafka/data",
        }
    )
    return _variables(settings, cluster)


def _log_ins(password: str) -> dict[str, object]:
    plain = f'org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="{password}"'
    return {
        "controller.quorum.voters": "1@localhost:9093",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.client.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "listener.name.client.plain.sasl.jaas.config": f'{plain} user_admin="{password}";',
        "listener.name.client.scram-sha-512.sasl.jaas.config": f"{SCRAM_MODULE} required;",
        "listener.name.controller.plain.sasl.jaas.config": f'{plain} user_admin="{password}";',
    }


def _variables(settings: Mapping[str, object], cluster: str) -> dict[str, str]:
    heap = {"CLUSTER_ID": cluster, "KAFKA_HEAP_OPTS": "-Xmx384m"}
    return heap | {environment_name(name): str(value) for name, value in settings.items()}


def postgres_settings() -> dict[str, str]:
    """The embedded server's settings that make sense in a container."""
    return {name: str(value) for name, value in postgres.SETTINGS.items() if name not in OUTSIDE}


def make_administrator(engines: Engines) -> bool:
    """Whether Kafka serves, and its administrator has got a SCRAM log-in.

    PLAIN shows the password to whoever answers: for a network that is closed, or connections that are encrypted.
    """
    try:
        client = KafkaAdminClient(
            bootstrap_servers=engines.bootstrap,
            **engines.tls.kafka_options(),
            sasl_mechanism="PLAIN",
            sasl_plain_username=engines.kafka_admin,
            sasl_plain_password=engines.kafka_password,
            bootstrap_timeout_ms=2000,
            request_timeout_ms=5000,
        )
    except (KafkaError, OSError):
        return False
    try:
        wanted = UserScramCredentialUpsertion(engines.kafka_admin, ScramMechanism.SCRAM_SHA_512, engines.kafka_password)
        return not client.alter_user_scram_credentials([wanted])[engines.kafka_admin]
    except KafkaError:
        return False
    finally:
        client.close()


class Pair:
    """The two containers of one test session."""

    def __init__(self) -> None:
        from testcontainers.core.container import DockerContainer

        self.password = secrets.token_hex(16)
        self.kafka_port, self.postgres_port = free_block(KAFKA + 100, 2), free_block(POSTGRES + 100, 1)
        image: Callable[[str], Any] = DockerContainer
        self._kafka = image(KAFKA_IMAGE)
        # Set directly: `with_bind_ports` knows no host address, and would open the ports to the world.
        self._kafka.ports[f"{self.kafka_port}/tcp"] = (HOST, self.kafka_port)
        for name, value in kafka_environment(self.kafka_port, self.password).items():
            self._kafka.with_env(name, value)
        settings = [f"-c {name}={value!r}" for name, value in postgres_settings().items()]
        self._postgres = (
            image(POSTGRES_IMAGE)
            .with_env("POSTGRES_PASSWORD", self.password)
            .with_env("POSTGRES_INITDB_ARGS", INITDB)
            .with_command(" ".join(["postgres", *settings]))
        )
        self._postgres.ports["5432/tcp"] = (HOST, self.postgres_port)

    def start(self) -> Engines:
        """Start both and wait until they serve. Raises DeadlinePassed; then neither is left behind."""
        engines = Engines(
            f"{HOST}:{self.kafka_port}",
            "admin",
            self.password,
            f"postgresql://postgres:{self.password}@{HOST}:{self.postgres_port}/postgres",
        )
        try:
            self._kafka.start()
            self._postgres.start()
            wait_until(lambda: postgres.answers(engines.admin_url), READY_SECONDS, "PostgreSQL's container ready")
            wait_until(partial(make_administrator, engines), READY_SECONDS, "Kafka's container ready")
        except BaseException:
            self.stop()
            raise
        return engines

    def stop(self) -> None:
        """Stop and remove both."""
        stops: list[Callable[[], None]] = [self._kafka.stop, self._postgres.stop]
        for stop in stops:
            stop()

    def logs(self) -> dict[str, str]:
        """What both wrote."""
        pairs = {"kafka": self._kafka, "postgres": self._postgres}
        return {name: "".join(part.decode(errors="replace") for part in one.get_logs()) for name, one in pairs.items()}
