"""`docker compose` on our file and one folder: up, down, where a door is, what was written, who runs.

Only what the folder says counts: variables of the shell that mean something to our file are left out.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from deploy.compose.folder import Folder
from deploy.embedded.jars import CHECKOUT
from services.runtime import tracing
from services.runtime.settings import SERVICES
from services.screening import thresholds

COMPOSE, TEST_OVERLAY = CHECKOUT / "docker-compose.yml", CHECKOUT / "deploy" / "images" / "compose.test.yml"
TRACED = (*tracing.ENDPOINTS, "OTEL_TRACES_SAMPLER_ARG")
"""What every service may be told about traces."""
CALENDAR = (thresholds.PERIOD, thresholds.SATURDAY, thresholds.CLOSED)
PLANNED = ("SOCIALSOG_RUN_AT", "SOCIALSOG_RUN_DEADLINE", "SOCIALSOG_BRAKE_CEILING", *thresholds.VARIABLES, *CALENDAR)
"""What screening may be told about its runs and alarms."""
DATA = ("kafka", "postgres", "provision")
"""Volumes: what the engines stored, and what provisioning remembers of Kafka's users. The fourth is not among them: delivery's
dispatch journal is the only record of what has left, and must survive the database."""
UP_SECONDS = 600
"""A minute on two idle cores, after the images are there; pulling them takes what the line gives."""
FIRST_DOOR = 8700


class ComposeFailed(Exception):
    """Docker refused; the message is what it said."""


class Project:
    """One set of containers."""

    def __init__(self, folder: Folder, name: str = "socialsog", files: Sequence[Path] = (COMPOSE,)) -> None:
        self.folder = folder
        self.name = name
        self.files = tuple(files)

    def command(self, *arguments: str) -> list[str]:
        """The whole command line."""
        files = [part for file in self.files for part in ("--file", str(file))]
        return ["docker", "compose", "--env-file", str(self.folder.env), "--project-name", self.name, *files, *arguments]

    def run(self, *arguments: str, show: bool = False, seconds: float = UP_SECONDS) -> str:
        """What it prints. `show` lets a person see its progress. Raises ComposeFailed."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("SOCIALSOG_", "OTEL_"))}
        try:
            done = subprocess.run(
                self.command(*arguments),
                env=environment,
                stdout=subprocess.PIPE,
                stderr=None if show else subprocess.PIPE,
                text=True,
                timeout=seconds,
                check=False,
            )
        except FileNotFoundError:
            raise ComposeFailed("there is no `docker` on this machine: install Docker with its compose plugin") from None
        except subprocess.TimeoutExpired:
            raise ComposeFailed(f"`docker compose {arguments[0]}` did not end within {seconds:.0f} s") from None
        if done.returncode:
            if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
                raise ComposeFailed("Docker has no compose plugin on this machine: install it")
            said = (done.stderr or "see above").strip()
            raise ComposeFailed(f"`docker compose {arguments[0]}` failed: {said}")
        return done.stdout

    def up(self, scale: Mapping[str, int] | None = None, names: Sequence[str] = (), show: bool = False) -> None:
        """Start what does not run, and wait until all is ready. Raises ComposeFailed."""
        copies = [part for name, count in (scale or {}).items() for part in ("--scale", f"{name}={count}")]
        # `--wait` counts a one-shot that has ended as failed, unless it is named by nobody but its dependents.
        self.run("up", "--detach", "--wait", "--no-build", *copies, *(names or SERVICES), show=show)

    def down(self, show: bool = False) -> None:
        """Stop and remove the containers; the data stay."""
        self.run("down", "--remove-orphans", show=show)

    def forget(self, show: bool = False) -> None:
        """The same, and remove what Kafka and PostgreSQL stored. The dispatch journal stays. Raises ComposeFailed."""
        self.down(show)
        volumes = [f"{self.name}_{name}" for name in DATA]
        done = subprocess.run(["docker", "volume", "rm", "--force", *volumes], capture_output=True, text=True, check=False)
        if done.returncode:
            raise ComposeFailed(done.stderr.strip())

    def remove(self) -> None:
        """Stop and remove everything that was ever stored, the dispatch journal too (tests)."""
        self.run("down", "--remove-orphans", "--volumes")

    def address(self, name: str, port: int, copy: int = 1) -> str:
        """Where a published port is on this machine. Raises ComposeFailed when it does not run."""
        return self.run("port", "--index", str(copy), name, str(port)).strip()

    def door(self, name: str) -> str:
        """URL of a service's HTTP doors."""
        return f"http://{self.address(name, FIRST_DOOR + SERVICES.index(name))}"

    def logs(self, name: str) -> str:
        """What all containers of a service wrote."""
        return self.run("logs", "--no-color", "--no-log-prefix", name)

    def containers(self) -> list[dict[str, object]]:
        """Every container as Docker describes it (`docker inspect`), ended ones too."""
        ids = self.run("ps", "--all", "--quiet").split()
        return inspect(*ids) if ids else []


def inspect(*names: str) -> list[dict[str, object]]:
    """Containers or images as Docker describes them. Raises ComposeFailed."""
    done = subprocess.run(["docker", "inspect", *names], capture_output=True, check=False)
    if done.returncode:
        raise ComposeFailed(done.stderr.decode(errors="replace").strip())
    return msgspec.json.decode(done.stdout, type=list[dict[str, object]])
