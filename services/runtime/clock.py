"""The injected clock. Business time comes from here and nowhere else; leases and retries use real time.

The embedded form has a simulated clock: a small file that only the simulator writes. Production refuses it.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from events.weeks import COPENHAGEN
from services.runtime.errors import Fatal
from services.runtime.settings import Settings


class Clock(Protocol):
    """Tells the time of business: an aware datetime in Europe/Copenhagen."""

    def now(self) -> datetime:
        """The moment it is."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The moment it is, by the machine."""
        return datetime.now(UTC).astimezone(COPENHAGEN)


class FileClock:
    """A simulated clock that stands still until somebody moves it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def now(self) -> datetime:
        """The moment that the file says. Raises Fatal when it cannot be read."""
        try:
            return datetime.fromisoformat(self.path.read_text(encoding="ascii").strip()).astimezone(COPENHAGEN)
        except (OSError, ValueError):
            raise Fatal(f"simulated clock {self.path} cannot be read: start the system with `make start`") from None

    def move(self, moment: datetime) -> None:
        """Set the clock, atomically. `moment` must be aware."""
        spare = self.path.with_suffix(".new")
        spare.write_text(moment.isoformat(), encoding="ascii")
        os.replace(spare, self.path)


def build(settings: Settings) -> Clock:
    """The clock that the settings name; production accepts only the machine's."""
    if settings.clock == "system":
        return SystemClock()
    if settings.environment == "production":
        raise Fatal("SOCIALSOG_CLOCK is simulated but SOCIALSOG_ENVIRONMENT is production: use SOCIALSOG_CLOCK=system")
    return FileClock(Path(settings.clock.removeprefix("file:")))
