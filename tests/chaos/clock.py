"""A simulated clock that strikes may set wrong: what the outside world means by "now" stays as it was.

A wrong clock stays on the right day, and on the right side of the hour at which runs are due: business rules look at days.
"""

from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock

from services.runtime.clock import FileClock

RUN_HOUR = 5
"""The hour at which runs are due; a clock that is wrong by hours must not reach it from before."""


class SkewedClock(FileClock):
    """The simulator's clock, with a difference between the right moment and the one that the services read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lock = Lock()
        self._right = super().now()

    def now(self) -> datetime:
        """The right moment."""
        return self._right

    def move(self, moment: datetime) -> None:
        """Move on, and be right."""
        with self._lock:
            self._right = moment
            super().move(moment)

    def jump(self, by: timedelta) -> bool:
        """Be wrong by so much; whether that is possible at this time of day."""
        with self._lock:
            wrong = self._right + by
            possible = wrong.date() == self._right.date() and (wrong.hour < RUN_HOUR) == (self._right.hour < RUN_HOUR)
            if possible:
                super().move(wrong)
        return possible

    def right(self) -> None:
        """Be right again."""
        self.move(self._right)
