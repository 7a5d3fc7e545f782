"""What strikes have put into topics that must end among the dead letters, and nowhere else."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from threading import Lock

Which = tuple[str, str, str]
"""Who must set a message aside, on which topic, and the message's SHA-256."""


class Planted:
    """Messages that were planted. `expected` surely lie on their topics; `possible` may, for their sending was disturbed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.expected: Counter[Which] = Counter()
        self.possible: set[Which] = set()

    def announce(self, services: Iterable[str], topic: str, payload: bytes) -> list[Which]:
        """About to be sent: from now on nobody needs to wonder where it comes from."""
        which = [(service, topic, digest(payload)) for service in services]
        with self._lock:
            self.possible.update(which)
        return which

    def confirm(self, which: Iterable[Which]) -> None:
        """It was sent: each of these readers must set it aside."""
        with self._lock:
            self.expected.update(which)

    def doubt(self) -> None:
        """Kafka has lost something: what was planted may have been in it, and nobody has it to publish again."""
        with self._lock:
            self.expected.clear()

    def expects(self, which: Which) -> bool:
        """Whether this reader must set it aside."""
        with self._lock:
            return which in self.expected

    def knows(self, which: Which) -> bool:
        """Whether a strike has to do with this dead letter."""
        with self._lock:
            return which in self.possible


def digest(payload: bytes | None) -> str:
    """How a message is known again."""
    return hashlib.sha256(payload or b"").hexdigest()
