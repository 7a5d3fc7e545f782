"""The services as processes: each started by itself, waited for, stopped in order, known again by later commands."""

import signal
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import httpx
import msgspec

from deploy.embedded.jars import CHECKOUT, Progress
from deploy.pids import Command, Process
from deploy.waiting import pause

READY_SECONDS = 120
"""For all of them together: 10 s on two idle cores; a busy machine gets twelve times that."""
STOP_SECONDS = 30
"""A service finishes its batch and flushes what it publishes: at most 20 s for each part, by its own account."""
PROBE_SECONDS = 2


class ServiceFailed(Exception):
    """A service ended while starting, or never got ready; the message names its log and what it waits for."""


class Services:
    """The service processes of one state folder; logs in `$STATE/logs/<name>.log`."""

    def __init__(self, state: Path, python: str, trust: Callable[[], ssl.SSLContext | bool] = lambda: True) -> None:
        self.trust = trust
        self.pids = state / "pids"
        self.logs = state / "logs"
        self.python = python

    def process(self, name: str) -> Process:
        """The process of a service, running or not."""
        return Process(self.pids, name)

    def start(self, name: str, environment: Mapping[str, str]) -> None:
        """Start one unless it runs."""
        if self.process(name).pid is None:
            arguments = [self.python, "-m", f"services.{name}"]
            self.process(name).start(Command(arguments, self.logs / f"{name}.log", environment, folder=CHECKOUT))

    def wait_ready(
        self,
        doors: Mapping[str, str],
        seconds: float = READY_SECONDS,
        progress: Progress = lambda what, done, total: None,
    ) -> None:
        """Wait until each of these (name -> URL) says that it is ready. Raises ServiceFailed."""
        deadline, waiting, trust = time.monotonic() + seconds, dict(doors), self.trust()
        while waiting:
            for name in [name for name, url in waiting.items() if is_ready(url, trust)]:
                del waiting[name]
                progress(f"{name} ready", len(doors) - len(waiting), len(doors))
            self._refuse_dead(waiting)
            if waiting and time.monotonic() > deadline:
                reasons = "; ".join(f"{name} ({why_not(url, trust)})" for name, url in waiting.items())
                raise ServiceFailed(f"not ready in time: {reasons}")
            pause()

    def _refuse_dead(self, names: Iterable[str]) -> None:
        for name in names:
            if self.process(name).pid is None:
                raise ServiceFailed(
                    f"{name} ended while starting: {last_line(self.logs / f'{name}.log')} "
                    f"(all of it: {self.logs / f'{name}.log'})"
                )

    def stop(self, names: Iterable[str], seconds: float = STOP_SECONDS) -> list[str]:
        """Ask all to end, in this order, and wait for all; the names of those that had to be killed."""
        processes = [self.process(name) for name in names]
        for process in processes:
            process.send(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        return [each.name for each in processes if not each.stop(seconds=max(0.1, deadline - time.monotonic()))]


def is_ready(url: str, trust: ssl.SSLContext | bool = True) -> bool:
    """Whether the service at this URL says that it is ready."""
    try:
        return httpx.get(f"{url}/ready", timeout=PROBE_SECONDS, trust_env=False, verify=trust).status_code == 200
    except httpx.TransportError:
        return False


def why_not(url: str, trust: ssl.SSLContext | bool = True) -> str:
    """What a service that is not ready says it waits for."""
    try:
        return str(httpx.get(f"{url}/ready", timeout=PROBE_SECONDS, trust_env=False, verify=trust).text)
    except httpx.TransportError as error:
        return f"no answer at {url}: {type(error).__name__}"


def last_line(log: Path) -> str:
    """What a service said last, in words."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    if not lines:
        return "it said nothing"
    try:
        said = msgspec.json.decode(lines[-1], type=dict[str, object])
    except msgspec.MsgspecError:
        return lines[-1]
    return " ".join(str(said[key]) for key in ("event", "error", "place") if key in said)
