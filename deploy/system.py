"""One whole system: engines, secrets, provisioning and service processes of one state folder, for commands, demos and tests.

Several systems can share the engines: each has its namespace, its state folder and its own block of ports.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from deploy import addresses, guardian
from deploy.certificates import RENEW
from deploy.embedded.jars import Progress
from deploy.engines import EmbeddedEngines, Engines
from deploy.processes import Services
from deploy.provision.kafka import KafkaProvisioning
from deploy.provision.postgres import PostgresProvisioning
from deploy.secrets import Secrets, private_file, private_folder
from events import weeks
from events.municipalities import MUNICIPALITIES
from services.runtime.clock import FileClock
from services.runtime.settings import SERVICES, Settings, load

FIRST_WEEK = "2026-W38"
SECRET_VARIABLES = frozenset({"KAFKA_ADMIN_USER", "KAFKA_ADMIN_PASSWORD", "DATABASE_URL"})
"""What may be in our own environment and is no service's business."""
MARK = ".socialsog-state"
"""A file that says that this folder is ours, so that `make clean` never removes anything else."""
PUT_BACK = frozenset({"secrets", "keys", "dispatch", "inbox"})
"""What is kept elsewhere (docs/restore.md): a folder that holds nothing else is this system's, put back after a disaster."""
FOLDERS = ("logs", "pids", "inbox", "inbox/police", "inbox/register", "keys")


def claim(state: Path) -> bool:
    """Make a state folder, and mark it where nothing lies in it yet, or only what was put back. Whether it is ours: is marked."""
    # Others may pass through: PostgreSQL runs as another user where we are root. All that lies in it is closed.
    state.mkdir(mode=0o711, parents=True, exist_ok=True)
    if {each.name for each in state.iterdir()} <= PUT_BACK:
        (state / MARK).touch()
    return (state / MARK).exists()


def silent(what: str, done: int, total: int) -> None:
    """Progress for nobody."""


class System:
    """One system. `engines` None: the embedded ones in its own state folder, started and stopped with it.

    `brokers`: how many nodes its own Kafka has; as its folder remembers, else one, unless given.
    """

    def __init__(
        self,
        state: Path,
        namespace: str = "",
        municipalities: Sequence[str] | None = None,
        engines: Engines | None = None,
        first_week: str = FIRST_WEEK,
        settings: Mapping[str, str] | None = None,
        brokers: int | None = None,
        encrypted: bool = False,
    ) -> None:
        self.state = state.resolve()
        self.namespace = namespace
        self.municipalities = tuple(municipalities or (each.code for each in MUNICIPALITIES))
        self.first_week = first_week
        self.extra = dict(settings or {})
        self.embedded = EmbeddedEngines(self.state, brokers, encrypted=encrypted)
        self._given = engines
        self._guarded = False
        self.secrets = Secrets(self.state / "secrets")
        self.services = Services(self.state, sys.executable, lambda: self.settings("cli").tls.http_trust())

    @property
    def engines(self) -> Engines:
        """The servers it runs on."""
        return self._given or self.embedded.engines

    @property
    def owns_engines(self) -> bool:
        """Whether the servers are the embedded ones of its own state folder."""
        return self._given is None

    @property
    def clock(self) -> FileClock:
        """The simulated clock."""
        return FileClock(self.state / "clock")

    def start_engines(self, progress: Progress = silent) -> None:
        """Start the embedded servers where they are ours."""
        self._make_folders()
        if self._given is None:
            self.embedded.start(progress)

    def _make_folders(self) -> None:
        claim(self.state)
        for name in FOLDERS:
            private_folder(self.state / name)

    def prepare(self) -> dict[str, int]:
        """Secrets, clock, and everything in Kafka and PostgreSQL. Returns what was made; only zeros the second time."""
        self._make_files()
        with ThreadPoolExecutor(1) as pool:
            topics = pool.submit(self.kafka().apply)
            made = self._postgres().apply()
            made |= topics.result()
        self._remember()
        return made

    def prepare_tables(self) -> dict[str, int]:
        """The same without Kafka: enough for who only uses services' stores."""
        self._make_files()
        made = self._postgres().apply()
        self._remember()
        return made

    def _make_files(self) -> None:
        self._make_folders()
        self.secrets.make_all(self.municipalities, self.state / "keys")
        if self.embedded.encrypted or self.embedded.tls:
            self.embedded.certificates.make()
        if not self.clock.path.exists():
            self.clock.move(weeks.start(self.first_week))

    def _postgres(self) -> PostgresProvisioning:
        return PostgresProvisioning(self.engines, self.secrets, self.namespace)

    def kafka(self) -> KafkaProvisioning:
        """What is declared of Kafka, for this system."""
        memory = self.state / "kafka-users.json"
        return KafkaProvisioning(self.engines, self.secrets, self.namespace, self.municipalities, memory)

    def _remember(self) -> None:
        """For `socialsog` in another terminal: where everything is. No secret in it."""
        lines = [f"{name}={value}\n" for name, value in sorted(self.variables().items())]
        private_file(self.state / "client.env", "".join(lines))

    def variables(self) -> dict[str, str]:
        """The settings that are the same for every process of this system."""
        return {
            "SOCIALSOG_ENVIRONMENT": "embedded",
            "SOCIALSOG_NAMESPACE": self.namespace,
            "SOCIALSOG_STATE": str(self.state),
            "SOCIALSOG_SECRETS": str(self.secrets.folder),
            "SOCIALSOG_INBOX": str(self.state / "inbox"),
            "SOCIALSOG_CLOCK": f"file:{self.clock.path}",
            "SOCIALSOG_BASE_PORT": str(self.embedded.addresses.services),
            "SOCIALSOG_MUNICIPALITIES": ",".join(self.municipalities),
            "SOCIALSOG_FIRST_WEEK": self.first_week,
            "SOCIALSOG_AUTOMATIC_RELEASE": os.environ.get("SOCIALSOG_AUTOMATIC_RELEASE", "off"),
            "KAFKA_BOOTSTRAP_SERVERS": self.engines.bootstrap,
            "DATABASE_URL": self.engines.database_url,
            **self._encryption(),
        } | self.extra

    def _encryption(self) -> dict[str, str]:
        """What clients must know where connections are encrypted."""
        kafka, own = self.engines.tls, self.embedded.tls
        variables = {"KAFKA_SECURITY_PROTOCOL": kafka.kafka_protocol}
        if kafka.kafka_ca:
            variables["SOCIALSOG_KAFKA_CA"] = str(kafka.kafka_ca)
        return variables | ({"SOCIALSOG_HTTP_CA": str(own.trusted)} if own else {})

    def _certificate(self, name: str) -> dict[str, str]:
        """What a service shows at its own doors."""
        tls = self.embedded.tls
        if tls is None or name not in SERVICES:
            return {}
        return {"SOCIALSOG_HTTP_CERTIFICATE": str(tls.certificate(name)), "SOCIALSOG_HTTP_KEY": str(tls.key(name))}

    def environment(self, name: str) -> dict[str, str]:
        """Whole environment of one process of this system (any service, or `cli`)."""
        inherited = {key: value for key, value in os.environ.items() if key not in SECRET_VARIABLES}
        return inherited | {"PYTHONUNBUFFERED": "1", "SOCIALSOG_SERVICE": name} | self._certificate(name) | self.variables()

    def settings(self, name: str) -> Settings:
        """The same as the settings that the process reads from it."""
        return load(name, self.environment(name))

    def http(self, name: str) -> str:
        """Address of a service's HTTP doors."""
        return self.settings("cli").url(name)

    def token(self, principal: str) -> str:
        """Bearer token of a principal."""
        return self.secrets.read(f"http-{principal}")

    def start_services(
        self,
        names: Sequence[str] = SERVICES,
        wait: bool = True,
        progress: Progress = silent,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Start these services, and wait until they are ready. `settings` are variables for this start only."""
        self._choose_ports()
        self._remember()
        self._launch(names, settings or {})
        if wait:
            self.wait_ready(names, progress)

    def _launch(self, names: Sequence[str], settings: Mapping[str, str]) -> None:
        for name in names:
            self.services.start(name, self.environment(name) | dict(settings))

    def wait_ready(self, names: Sequence[str] = SERVICES, progress: Progress = silent) -> None:
        """Wait until these services are ready. Raises ServiceFailed."""
        self.services.wait_ready({name: self.http(name) for name in names}, progress=progress)

    def _choose_ports(self) -> None:
        passing = self._given is not None and self._given.passing
        if passing and not self._guarded:
            guardian.watch(self.state, remove=False)
            self._guarded = True
        addresses.choose(self.state, self._running, addresses.elsewhere(self.state) if passing else None)

    def _running(self, name: str) -> bool:
        return self.embedded.running(name) or (self._given is not None and name != "services")

    def running(self, name: str) -> bool:
        """Whether a service or a server (`embedded.names`) of this system runs as our process."""
        return self.services.process(name).pid is not None

    def stop_services(self, names: Sequence[str] = SERVICES) -> list[str]:
        """Stop these services in order; the names of those that had to be killed."""
        return self.services.stop(names)

    def restart_services(self, names: Sequence[str]) -> None:
        """Those of them that run: stop them in order, and start them again, where their clients know them."""
        running = [name for name in names if self.running(name)]
        self.stop_services(running)
        self._launch(running, {})
        self.wait_ready(running)

    def restart_kafka(self) -> None:
        """Stop and start our own Kafka, with the settings and secrets of now."""
        self.embedded.kafka.stop()
        self.embedded.kafka.start()

    def renew_certificates(self, within: timedelta = RENEW) -> None:
        """New certificates for those that end so soon. Whoever shows an old one is stopped: the start that follows starts it."""
        renewed = self.embedded.tls.renew(within) if self.embedded.tls else []
        self.stop_services([name for name in SERVICES if name in renewed])
        if "kafka" in renewed and self.owns_engines:
            self.embedded.kafka.stop()

    def kill(self, name: str) -> None:
        """End one process at once, as a crash would."""
        self.services.process(name).kill()

    def start(self, progress: Progress = silent) -> None:
        """Everything: engines, provisioning, services."""
        self.renew_certificates()
        self.start_engines(progress)
        progress("Kafka and PostgreSQL ready", 1, 2)
        self.prepare()
        progress("topics, tables and rights ready", 2, 2)
        self.start_services(progress=progress)

    def stop(self) -> list[str]:
        """Everything, services first; the names of those that had to be killed."""
        killed = self.stop_services()
        return killed + (self.embedded.stop() if self._given is None else [])
