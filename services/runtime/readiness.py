"""What a service waits for before it can do its work: its door `/ready` says so at any time, not only at the start.

Anybody may ask, so an answer is believed for a moment, and a database that hangs holds nobody for long.
"""

import math
import time
from threading import Event as Signal
from threading import Lock

from services.runtime.database import Store
from services.runtime.errors import is_transient

BELIEVED_SECONDS = 2.0
"""However many ask, the database is asked once in this time."""
ANSWER_SECONDS = 1.0
"""Who finds that somebody asks already waits so long; what takes longer is not ready."""


class Readiness:
    """Of a service with a database. `assigned` is set while its topics are assigned; None: it reads none."""

    def __init__(self, store: Store, assigned: Signal | None) -> None:
        self.store = store
        self.assigned = assigned
        self._lock = Lock()
        self._answers = False
        self._at = -math.inf

    def missing(self) -> list[str]:
        """What it waits for; empty exactly when it is ready."""
        unassigned = self.assigned is not None and not self.assigned.is_set()
        return [*(["consumer"] if unassigned else []), *([] if self._database() else ["database"])]

    def _database(self) -> bool:
        if not self._lock.acquire(timeout=ANSWER_SECONDS):
            return False
        try:
            if time.monotonic() - self._at > BELIEVED_SECONDS:
                self._answers = self._ask()
                self._at = time.monotonic()
            return self._answers
        finally:
            self._lock.release()

    def _ask(self) -> bool:
        try:
            with self.store.transaction() as transaction:
                transaction.execute("SELECT 1")
        except Exception as error:
            if not is_transient(error):
                raise
            return False
        return True
