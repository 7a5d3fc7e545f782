"""Are this process's secrets there and closed to others, and is there room on its disks?"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from services.runtime.checks import mends
from services.runtime.checks.finding import Finding, bad, ok, warn
from services.runtime.settings import CALLERS

WARN_FREE = 0.10
BAD_FREE = 0.03
"""Shares of a disk. PostgreSQL and Kafka stop when they cannot write; a national first load writes some 5 GB."""


def held_by(service: str, *, stores: bool) -> list[str]:
    """The secrets that a service cannot do without: its log-ins, and a token where it asks others. `stores`: in a database."""
    asks = [f"http-{service}"] if service in CALLERS else []
    return [f"kafka-{service}", *([f"postgres-{service}"] if stores else []), *asks, "credentials.json"]


def secrets(folder: Path, names: Sequence[str]) -> Finding:
    """Each can be read by us and by nobody else."""
    for name in names:
        path = folder / name
        try:
            path.read_bytes()
            found = path.stat()
        except OSError as error:
            return bad("secrets", f"{name} cannot be read ({type(error).__name__})", mends.start(f"makes it, or mount {path}"))
        ours = found.st_uid == os.geteuid()
        # A container owns none of its secrets: it reads them by a group that it alone is given.
        if found.st_mode & (0o077 if ours else 0o037):
            return warn("secrets", f"others can read {name}", f"chmod 600 {path}" if ours else mends.start("closes it"))
    return ok("secrets", f"{len(names)} secrets, closed to others")


def disk(name: str, folder: Path) -> Finding:
    """Room where a folder lies."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        return bad("disk", f"{name} cannot be reached ({type(error).__name__})", mends.folder(folder))
    free = usage.free / usage.total
    what = f"{free:.0%} free ({usage.free / 1e9:.0f} GB) where {name} lies"
    if free < WARN_FREE:
        return (bad if free < BAD_FREE else warn)("disk", what, mends.room(folder))
    return ok("disk", what)
