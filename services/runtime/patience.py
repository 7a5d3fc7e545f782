"""Waiting at the start of a process for an engine that is not there yet, or not provisioned."""

from collections.abc import Callable
from typing import TypeVar

import tenacity

T = TypeVar("T")

PAUSE_SECONDS = 0.5
"""Between two questions."""


def until_answered(ask: Callable[[], T], worth_waiting: Callable[[BaseException], bool], deadline_s: float) -> T:
    """What `ask` answers, once it does. Raises its error when that is not worth waiting for, or when the deadline has passed."""
    tries = tenacity.Retrying(
        retry=tenacity.retry_if_exception(worth_waiting),
        wait=tenacity.wait_fixed(PAUSE_SECONDS),
        stop=tenacity.stop_after_delay(deadline_s),
        reraise=True,
    )
    return tries(ask)
