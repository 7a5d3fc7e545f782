"""A file system in memory under one engine's data, whose size shrinks to what is used, and grows again.

Only root can mount one; elsewhere `Unavailable` says why it cannot be had.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from deploy.embedded.reach import account, data_folder
from deploy.engines import EmbeddedEngines

MEBIBYTE = 1 << 20
LARGE_MB = 8_192
"""For the long run: far more than weeks of its small world need. Memory is taken only for what is written."""
ATTEMPTS = 20
"""Shrinking fails when something is written between measuring and shrinking."""


class Unavailable(Exception):
    """No small file system can be mounted here; the message says why."""


class SmallDisk:
    """A context in which a folder of a stopped engine lies on a file system of its own, of so many MiB, with what it held."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        self.aside = folder.with_name(f"{folder.name}.aside")
        self.size = megabytes * MEBIBYTE

    def __enter__(self) -> Self:
        found = self.folder.stat()
        self.folder.rename(self.aside)
        self.folder.mkdir()
        options = f"size={self.size},mode={found.st_mode & 0o777:o},uid={found.st_uid},gid={found.st_gid}"
        done = _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", self.folder)
        if done.returncode:
            self._put_back()
            raise Unavailable(done.stderr.strip())
        _run("cp", "-a", f"{self.aside}/.", self.folder).check_returncode()
        return self

    def __exit__(self, *_: object) -> None:
        """The engine must be stopped. Its data go back to where they were."""
        self.free()
        shutil.rmtree(self.aside)
        _run("cp", "-a", self.folder, self.aside).check_returncode()
        _run("umount", self.folder).check_returncode()
        self._put_back()

    def _put_back(self) -> None:
        self.folder.rmdir()
        self.aside.rename(self.folder)

    def fill(self) -> bool:
        """Leave not one page free; whether that was possible while others write."""
        return any(self._resize(self._used()) for _ in range(ATTEMPTS))

    def free(self) -> None:
        """Give the room back. Raises OSError."""
        if not self._resize(self.size):
            raise OSError(f"{self.folder} cannot be given its {self.size} bytes back")

    def _used(self) -> int:
        found = os.statvfs(self.folder)
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    def _resize(self, size: int) -> bool:
        return _run("mount", "-o", f"remount,size={size}", self.folder).returncode == 0


@contextmanager
def under_both(servers: EmbeddedEngines) -> Iterator[dict[str, SmallDisk]]:
    """Disks of their own under both engines, which are stopped for it, started on them, and stopped at the end.

    Raises Unavailable; then they are stopped, with their data where they were.
    """
    servers.stop()
    kafka = SmallDisk(servers.kafka.nodes[0].folder, LARGE_MB)
    with kafka, SmallDisk(data_folder(servers.state, account()), LARGE_MB) as postgres:
        servers.start()
        try:
            yield {"kafka": kafka, "postgres": postgres}
        finally:
            servers.stop()


def _run(*command: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"LC_ALL": "C"})
