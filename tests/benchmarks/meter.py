"""Watches every process of a system: the most memory each had, and the CPU seconds each spent between two moments.

Of PostgreSQL the largest single backend is shown and the sum of proportional shares, because its processes share one cache.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

LOOK_SECONDS = 0.5
"""Between two looks: peaks of batches last about as long; a look costs a millisecond."""
SHARES_EVERY = 10
"""Looks between two sums of PostgreSQL's shares: each walks the page tables of all its processes."""
MEBIBYTE = 1024 * 1024

GONE = (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError, ProcessLookupError)


class Meter:
    """Samples in a thread of its own. `pids` names the processes to watch, those of PostgreSQL and Kafka included."""

    def __init__(self, pids: Callable[[], Mapping[str, int]]) -> None:
        self._pids = pids
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="meter", daemon=True)
        self.peaks: dict[str, float] = defaultdict(float)

    def __enter__(self) -> "Meter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def cpu(self) -> dict[str, float]:
        """CPU seconds of each process until now; PostgreSQL's by whom they were for, `postgres` alone with those that ended."""
        spent = {}
        for name, pid in self._pids().items():
            with suppress(*GONE):
                process = psutil.Process(pid)
                times = process.cpu_times()
                spent[name] = times.user + times.system
                if name == "postgres":
                    spent[name] += times.children_user + times.children_system
                    for role, seconds in self._backends(process):
                        spent[role] = spent.get(role, 0) + seconds
        return spent

    @staticmethod
    def _backends(postgres: psutil.Process) -> Iterator[tuple[str, float]]:
        """What each process of PostgreSQL works for (a role, or its own housekeeping), and its CPU seconds."""
        for backend in postgres.children():
            with suppress(*GONE):
                words = " ".join(backend.cmdline()).split()
                if len(words) > 1:  # one that has just ended has no title; its time is the postmaster's from now on
                    yield f"postgres for {words[1].rstrip(':')}", _spent(backend)

    def _run(self) -> None:
        look = 0
        while not self._stop.wait(LOOK_SECONDS):
            for name, pid in self._pids().items():
                with suppress(*GONE):
                    self._see(name, psutil.Process(pid), shares=look % SHARES_EVERY == 0)
            look += 1

    def _see(self, name: str, process: psutil.Process, *, shares: bool) -> None:
        if name != "postgres":
            self._peak(name, process.memory_info().rss)
            return
        backends = process.children()
        self._peak("postgres, largest backend", max(map(_resident, backends), default=0))
        if shares:
            self._peak("postgres, all together", _share(process.pid) + sum(_share(each.pid) for each in backends))

    def _peak(self, name: str, size: float) -> None:
        self.peaks[name] = max(self.peaks[name], size / MEBIBYTE)


def spent_between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """CPU seconds of each process between two answers of `cpu`."""
    return {name: round(after[name] - before.get(name, 0), 1) for name in after}


def _spent(process: psutil.Process) -> float:
    with suppress(*GONE):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def _resident(process: psutil.Process) -> int:
    with suppress(*GONE):
        return int(process.memory_info().rss)
    return 0


def _share(pid: int) -> int:
    with suppress(*GONE):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
