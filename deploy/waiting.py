"""Waiting for a condition with a deadline, in one place, so that no caller sleeps on its own."""

import threading
import time
from collections.abc import Callable

PAUSE_SECONDS = 0.1
"""Between two looks: short beside every wait here (1 to 60 seconds), long beside what one look costs (under 10 ms)."""


class DeadlinePassed(Exception):
    """What was waited for did not come in time; the message names it."""


def pause(seconds: float = PAUSE_SECONDS) -> None:
    """Let this thread rest for some seconds."""
    threading.Event().wait(seconds)


def wait_until(condition: Callable[[], bool], seconds: float, what: str, every: float = PAUSE_SECONDS) -> None:
    """Return as soon as `condition()` holds. Raises DeadlinePassed that names `what` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise DeadlinePassed(f"{what}: not within {seconds:.0f} s")
        pause(every)
