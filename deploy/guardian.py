"""Ends what a test session started, when the session itself was ended without a chance to do so (kill, time limit).

`python -m deploy.guardian PID STARTED STATE keep|remove` waits until that process is gone or the state folder has been removed.
"""

import os
import shutil
import sys
from pathlib import Path

from deploy.embedded.reach import spare_folder
from deploy.pids import Process, started_at
from deploy.waiting import pause

LOOK_SECONDS = 1.0
REMOVE = "remove"


def watch(state: Path, remove: bool) -> None:
    """Start a guardian of this state folder for our own process; at the end it removes the folder or keeps it to be read."""
    pid = os.getpid()
    arguments = [str(pid), started_at(pid) or "", str(state), REMOVE if remove else "keep"]
    nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    # Not by subprocess: nobody here waits for it, and Python would warn of a child that is forgotten while it runs.
    os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "deploy.guardian", *arguments],
        os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        file_actions=nothing,
        setsid=True,
    )


def main(pid: int, started: str, state: Path, remove: bool) -> None:
    """Wait, then end every recorded process of the folder."""
    while started_at(pid) == started and state.exists():
        pause(LOOK_SECONDS)
    for record in (state / "pids").glob("*.json"):
        Process(state / "pids", record.stem).kill()
    for folder in (spare_folder(state), state) if remove else ():
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4] == REMOVE)
