"""The commands that mend, in the words of the form in which a service runs: processes (`make start`) or containers (`make up`).

`docker-compose.yml` says `production` to every service. Who is told nothing, as the command line, speaks of processes.
"""

import os


def _containers() -> bool:
    return os.environ.get("SOCIALSOG_ENVIRONMENT", "embedded") == "production"


def start(why: str) -> str:
    """Starts what does not run, and makes what is missing: secrets, topics, rights."""
    return f"make {'up' if _containers() else 'start'}  # {why}"


def migrate() -> str:
    """Brings the tables to this version."""
    return start("migrates") if _containers() else "make migrate"


def restart(service: str) -> str:
    """Begins a service anew: harmless at any time."""
    return f"make {'down up' if _containers() else 'stop start'}  # begins {service} anew; its log says why"
