"""The commands that mend, in the words of the form in which a service runs: processes (`make start`) or containers (`make up`).

`docker-compose.yml` says `production` to every service. Who is told nothing speaks of processes; the command line says which
form the system has that it asks about. Messages whose reader may have either form name both.
"""

import os
from collections.abc import Iterable
from pathlib import Path

START = "`make start` (containers: `make up`)"
MIGRATE = "`make migrate` (containers: `make up`)"


def _containers(environment: str | None = None) -> bool:
    return (environment or os.environ.get("SOCIALSOG_ENVIRONMENT", "embedded")) == "production"


def start(why: str, environment: str | None = None) -> str:
    """Starts what does not run, and makes what is missing: secrets, topics, rights."""
    return f"make {'up' if _containers(environment) else 'start'}  # {why}"


def migrate() -> str:
    """Brings the tables to this version."""
    return start("migrates") if _containers() else "make migrate"


def restart(service: str, environment: str | None = None) -> str:
    """Begins a service anew: harmless at any time."""
    return f"{_anew(environment)}  # begins {service} anew; its log says why"


def certificate(environment: str, *, ended: bool) -> str:
    """Replaces a certificate that ends, or has ended. In production that is for whoever runs the authority."""
    if _containers(environment):
        return "give it a new one of your authority, and begin it anew"
    return f"{_anew(environment)}  # replaces what has ended" if ended else "SECRET=tls make rotate"


def serve(codes: Iterable[str]) -> str:
    """Serves municipalities again, beside those of now: their letters leave, and their answers are read."""
    return f"SOCIALSOG_MUNICIPALITIES=THOSE_OF_NOW,{','.join(codes)} {_anew()}  # until they have answered: telephone them"


def _anew(environment: str | None = None) -> str:
    return f"make {'down up' if _containers(environment) else 'stop start'}"


def copy(what: str, path: Path, beside: str) -> str:
    """Gives us files. A container only reads them: there they are put into the folder of `make up`, where `beside` says."""
    if _containers():
        return f"cp {what} .containers/{beside}  # in the checkout, or where SOCIALSOG_CONTAINERS says"
    return f"cp {what} {path}"


def folder(path: Path) -> str:
    """Makes a folder that cannot be reached."""
    return start("mounts it") if _containers() else f"mkdir -p {path}  # or mount it"


def room(path: Path) -> str:
    """Shows what fills the disk where a folder lies."""
    look = "docker system df" if _containers() else f"df -h {path}"
    return f"{look}  # remove what is not needed, or enlarge the disk"
