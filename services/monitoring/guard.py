"""Ends the process when Faust blocks its event loop for ever: stopping, it waits for its own thread without a deadline.

Nothing inside that loop can notice, so a thread beside it does. A display that stood still without a word would be worse than
one that ends: whoever runs the process sees the exit code.
"""

import logging
import os
import time
from collections.abc import Callable
from threading import Event as Signal
from threading import Thread

from services.runtime.service import EXIT_FATAL

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
STOP_SECONDS = 13.0
"""Longest orderly stop: five seconds for Faust, six for HTTP."""
BLOCKED_SECONDS = 45.0
"""Longest time without a sign of life while reading: a loop turn takes well under a second on a busy machine."""


class Guard:
    """Watches one process. `beat` is the sign of life while reading; None while there is nothing to watch."""

    def __init__(self, stop: Signal, code: Callable[[], int]) -> None:
        self.beat: float | None = None
        self._stop = stop
        self._code = code
        self._stop_seen: float | None = None

    def start(self) -> None:
        """Watch from a thread of its own, which ends with the process."""
        Thread(target=self._watch, name="guard", daemon=True).start()

    def _watch(self) -> None:
        look = Signal()
        while (verdict := self.verdict(time.monotonic())) is None:
            look.wait(LOOK_SECONDS)
        log.critical("reading_hangs", extra={"exit": verdict})
        os._exit(verdict)

    def verdict(self, now: float) -> int | None:
        """Exit code if the process must be ended at this moment, else None."""
        if self._stop.is_set():
            self._stop_seen = self._stop_seen if self._stop_seen is not None else now
            return self._code() if now - self._stop_seen > STOP_SECONDS else None
        beat = self.beat
        return EXIT_FATAL if beat is not None and now - beat > BLOCKED_SECONDS else None
