"""What strikes have put into topics that must end among the dead letters, and nowhere else."""

import hashlib
from collections import Counter
from threading import Lock


class Planted:
    """Digests of the messages that were planted, by who must set them aside: (service, topic, SHA-256)."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.expected: Counter[tuple[str, str, str]] = Counter()

    def add(self, service: str, topic: str, payload: bytes) -> None:
        """This reader of this topic must set this message aside."""
        with self._lock:
            self.expected[service, topic, hashlib.sha256(payload).hexdigest()] += 1
