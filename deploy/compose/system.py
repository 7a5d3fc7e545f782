"""A system that runs as containers, for tests that know systems of processes: same methods, same settings, driven from outside.

There is one at a time, in the embedded environment with the simulated clock. `prepare` begins a new one, without any data.
"""

import shutil
from collections.abc import Mapping, Sequence

from deploy.compose.project import Project
from deploy.engines import Engines
from deploy.secrets import private_folder
from deploy.system import FIRST_WEEK, System, silent
from events import weeks
from services.runtime.clock import FileClock
from services.runtime.settings import SERVICES

NAMESPACE = "compose"
SCALE = {"screening": 3}
"""Three copies of the service with the most to do, in every test."""


class ComposeSystem(System):
    """See the module."""

    def __init__(self, project: Project, codes: Sequence[str], engines: Engines, first_week: str = FIRST_WEEK) -> None:
        super().__init__(project.folder.path, NAMESPACE, codes, engines, first_week)
        self.project = project
        self.secrets = project.folder.secrets
        self._doors: dict[str, str] = {}

    @property
    def clock(self) -> FileClock:
        """The simulated clock, in a folder of its own: a container sees that a file is replaced only through its folder."""
        return self.project.folder.clock

    def prepare(self) -> dict[str, int]:
        """A new system: containers and data of an earlier one are removed, its secrets stay. The start provisions."""
        shutil.rmtree(self.project.folder.inbox, ignore_errors=True)
        variables = {
            "SOCIALSOG_NAMESPACE": self.namespace,
            "SOCIALSOG_MUNICIPALITIES": ",".join(self.municipalities),
            "SOCIALSOG_FIRST_WEEK": self.first_week,
        }
        self.project.folder.prepare(self.municipalities, variables, own_keys=True)
        self.project.remove()
        private_folder(self.state / "logs")
        self.clock.move(weeks.start(self.first_week))
        return {}

    def variables(self) -> dict[str, str]:
        """Those of a system of processes, and where each door was published."""
        return super().variables() | {f"SOCIALSOG_{name.upper()}_URL": url for name, url in self._doors.items()}

    def start_services(
        self,
        names: Sequence[str] = SERVICES,
        wait: bool = True,
        progress: object = silent,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Start these and what they need, and wait until they are ready (also where nobody asked to wait)."""
        self.project.up(SCALE, names)
        # A container that starts again may be given another port of its range.
        self._doors |= {name: self.project.door(name) for name in names}

    def stop_services(self, names: Sequence[str] = SERVICES) -> list[str]:
        """Remove everything; what the containers wrote is kept in `logs`."""
        for name in ("kafka", "postgres", "provision", *SERVICES):
            (self.state / "logs" / f"{name}.log").write_text(self.project.logs(name), encoding="utf-8")
        self.project.remove()
        return []

    def kill(self, name: str) -> None:
        """End all copies of a service at once, as a crash would."""
        self.project.run("kill", "--signal", "KILL", name)
