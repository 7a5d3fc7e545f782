"""The folder that the containers are given: secrets, log-ins, municipal keys, inbox, the engines' settings and compose.env.

Its parent folder is closed to everybody else on this machine. Inside, files are for their owner and one group: containers run as
users of their own, which own nothing here, and get that group.
"""

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.addresses import KAFKA, POSTGRES, SERVICES
from deploy.containers import compose_kafka_environment, postgres_settings
from deploy.secrets import Secrets, logins, private_folder
from services.runtime.clock import FileClock

GROUP = 10001
"""The image's own group, for root, who should not lend containers the group of root."""
SECRET, OPEN = 0o440, 0o644
FOLDERS = ("secrets", "logins", "keys", "inbox", "inbox/police", "inbox/register", "clock")


VARIABLES = {"kafka": "SOCIALSOG_KAFKA_PORT", "postgres": "SOCIALSOG_POSTGRES_PORT", "doors": "SOCIALSOG_DOORS"}


@dataclass(frozen=True)
class Place:
    """Ports on 127.0.0.1: Kafka's, PostgreSQL's, and the first digits of the doors' (87: eight services have 8700 to 8779)."""

    kafka: int = KAFKA
    postgres: int = POSTGRES
    doors: int = SERVICES // 100

    @classmethod
    def told(cls, environ: Mapping[str, str] = os.environ) -> "Place":
        """Where the environment wants them, by the names that our file uses."""
        known = {name: environ.get(variable) for name, variable in VARIABLES.items()}
        return cls(**{name: int(value) for name, value in known.items() if value})

    def variables(self) -> dict[str, str]:
        """What our file calls them."""
        return {variable: str(getattr(self, name)) for name, variable in VARIABLES.items()}


ENV = "compose.env"
"""What `docker compose` is told; where it lies a folder belongs to containers."""


class Folder:
    """One folder, made and refreshed by `prepare`."""

    def __init__(self, path: Path, place: Place | None = None) -> None:
        self.path = path.resolve()
        self.place = place or Place()
        self.secrets = Secrets(self.path / "secrets")
        self.inbox = self.path / "inbox"
        self.clock = FileClock(self.path / "clock" / "clock")
        self.env = self.path / ENV

    def prepare(self, codes: Sequence[str], variables: Mapping[str, str], own_keys: bool = False) -> None:
        """Make what is missing and write the settings anew. `own_keys`: the municipalities are simulated, make their keys too."""
        private_folder(self.path)
        for name in FOLDERS:
            private_folder(self.path / name)
        self.secrets.make_engines()
        self.secrets.make_all(codes, self.path / "keys" if own_keys else None)
        self._lend(["kafka-admin", "postgres-admin", *logins(codes)])
        self._write("kafka.env", {name: f"'{value}'" for name, value in self._kafka().items()})
        self._write(
            "postgres.conf", {name: f"'{value}'" for name, value in {"listen_addresses": "*", **postgres_settings()}.items()}
        )
        own = {"SOCIALSOG_CONTAINERS": str(self.path), "SOCIALSOG_GROUP": str(self.group)}
        values = {**own, **self.place.variables(), **variables}
        self._write(ENV, {name: f"'{value}'" for name, value in values.items()})
        self._let_the_group_read()

    @property
    def group(self) -> int:
        """Who besides the owner reads."""
        return GROUP if os.geteuid() == 0 else os.getegid()

    def _kafka(self) -> dict[str, str]:
        cluster = self.path / "cluster-id"
        if not cluster.exists():
            cluster.write_text(secrets.token_hex(11), encoding="ascii")
        return compose_kafka_environment(self.place.kafka, cluster.read_text(encoding="ascii"))

    def _lend(self, names: Sequence[str]) -> None:
        """`logins` holds what provisioning tells the engines, and none of the other secrets: the same files by a second name."""
        folder = self.path / "logins"
        for path in folder.iterdir():
            path.unlink()
        for name in names:
            os.link(self.secrets.folder / name, folder / name)

    def _write(self, name: str, values: Mapping[str, str]) -> None:
        path = self.path / name
        path.write_text("".join(f"{key}={value}\n" for key, value in values.items()), encoding="utf-8")
        path.chmod(OPEN)

    def _let_the_group_read(self) -> None:
        for name in FOLDERS:
            folder = self.path / name
            os.chown(folder, -1, self.group)
            # What is put in later belongs to the group too.
            folder.chmod(0o2750)
        for name in ("secrets", "keys"):
            for file in (self.path / name).iterdir():
                os.chown(file, -1, self.group)
                file.chmod(SECRET)
