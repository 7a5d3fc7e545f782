"""A disk that is full: a small file system under one engine's data, filled and freed again.

Only root can mount one; elsewhere `Unavailable` says why it cannot be had. It is no strike of the long run, whose data would not
fit on a file system in memory: `test_engine_disk.py` fills it under each engine.
"""

import errno
import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

from tests.chaos.strikes import Strike

STRIKES: list[Strike] = []
BLOCK = 1 << 20


class Unavailable(Exception):
    """No small file system can be mounted here; the message says why."""


class SmallDisk:
    """A context in which a folder of a stopped engine lies on a file system of its own, of so many MiB, with what it held."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        self.aside = folder.with_name(f"{folder.name}.aside")
        self.size = megabytes
        self.ballast = folder / "ballast"

    def __enter__(self) -> Self:
        found = self.folder.stat()
        self.folder.rename(self.aside)
        self.folder.mkdir()
        options = f"size={self.size}m,mode={found.st_mode & 0o777:o},uid={found.st_uid},gid={found.st_gid}"
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

    def fill(self) -> None:
        """Leave not one byte free."""
        with self.ballast.open("wb", buffering=0) as file:
            for size in (BLOCK, 4096):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """Give the room back."""
        self.ballast.unlink(missing_ok=True)


def _run(*command: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"LC_ALL": "C"})
