"""Processes that outlive the command that started them: a record per process, with its start time.

A process id alone may by now belong to a stranger; so the record also keeps when the process began, and a signal is only
ever sent where both agree.
"""

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.waiting import DeadlinePassed, wait_until

_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}
"""Processes that this very process started: they must be reaped here, or they look alive for ever after their end."""


def started_at(pid: int) -> str | None:
    """When a running process began, as the system words it; None when it has ended.

    A zombie has ended, unless other threads of it have not: they still hold its ports.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return _started_by_ps(pid) if not Path("/proc/self").exists() else None
    state, threads, began = fields[0], int(fields[17]), fields[19]
    return None if state in "ZX" and threads <= 1 else began


def _started_by_ps(pid: int) -> str | None:
    """The same where there is no /proc (macOS)."""
    answer = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, start = answer.stdout.strip().partition(" ")
    return None if not start or state.startswith("Z") else start.strip()


@dataclass(frozen=True)
class Command:
    """What to start: arguments, environment, working folder, log file, and as which user (None: our own)."""

    arguments: Sequence[str]
    log: Path
    environment: Mapping[str, str] | None = None
    folder: Path | None = None
    user: int | None = None
    group: int | None = None
    umask: int = field(default=0o077)


class Process:
    """One named process of this state folder; `$STATE/pids/<name>.json` tells later commands about it."""

    def __init__(self, pids: Path, name: str) -> None:
        self.name = name
        self.path = pids / f"{name}.json"

    @property
    def pid(self) -> int | None:
        """Id of the process when it is running, else None."""
        try:
            record = json.loads(self.path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
        pid = int(record["pid"])
        if (child := _CHILDREN.get(pid)) is not None:
            child.poll()
        return pid if started_at(pid) == record["started"] else None

    @property
    def exit_code(self) -> int | None:
        """How a child that this very process started ended, negative for a signal; None while it runs, or for anybody else's."""
        try:
            child = _CHILDREN.get(json.loads(self.path.read_text(encoding="ascii"))["pid"])
        except (OSError, ValueError):
            return None
        return child.poll() if child is not None else None

    def start(self, command: Command) -> int:
        """Start it in its own session, output appended to its log. Returns the process id."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        command.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            child = subprocess.Popen(
                command.arguments,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                env=command.environment,
                cwd=command.folder,
                start_new_session=True,
                umask=command.umask,
                user=command.user,
                group=command.group,
                extra_groups=None if command.user is None else [],
            )
        finally:
            os.close(descriptor)
        _CHILDREN[child.pid] = child
        self._record(child.pid)
        return child.pid

    def _record(self, pid: int) -> None:
        spare = self.path.with_suffix(".new")
        spare.write_text(json.dumps({"pid": pid, "started": started_at(pid)}), encoding="ascii")
        os.replace(spare, self.path)

    def send(self, number: signal.Signals) -> bool:
        """Send a signal. False when the process is not running."""
        pid = self.pid
        if pid is None:
            return False
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def wait_gone(self, seconds: float) -> bool:
        """Whether it has ended within so many seconds."""
        try:
            wait_until(lambda: self.pid is None, seconds, self.name, every=0.02)
        except DeadlinePassed:
            return False
        return True

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 20) -> bool:
        """Ask it to end, then make it end. True when it ended by itself within so many seconds (or was not running)."""
        orderly = not self.send(number) or self.wait_gone(seconds)
        if not orderly:
            self.kill()
        self.path.unlink(missing_ok=True)
        return orderly

    def kill(self) -> None:
        """End it at once, as a crash would (SIGKILL), and wait until it is gone."""
        self.send(signal.SIGKILL)
        self.wait_gone(10)
