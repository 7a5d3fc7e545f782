"""Work rows: whatever calls out (HTTP, rendering, files) is done here and never inside an event handler.

A worker claims a row, calls out without a transaction, and commits the effects together with the row's removal. A failure
that may pass is tried again with growing pauses, for ever and visibly; one that cannot pass goes to the dead letters, as
does a row whose worker died three times in a row. Lanes (municipalities) take turns, so that no slow neighbour holds up the rest.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Event as Signal
from threading import Thread

from services.runtime import points, tracing
from services.runtime.database import Store
from services.runtime.dead_letters import bury_work
from services.runtime.errors import Fatal, describe, is_transient, where
from services.runtime.log import bound
from services.runtime.metrics import RETRIES, WORK
from services.runtime.transaction import Transaction

log = logging.getLogger(__name__)

Effects = Callable[[Transaction], None]
CLAIM_SECONDS = 15
"""How long a claim lasts that is not renewed: then its worker counts as dead, and another begins anew."""
RENEW_SECONDS = 4.0
"""How often a worker that is at work renews its claim: three times within its life."""
MAX_CRASHES = 3
"""Workers that one row may take down before it is set aside."""
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 60.0
IDLE_SECONDS = 1.0
"""How long due work of another copy may wait unnoticed; own commits wake the worker."""

_CLAIM = """
    WITH due AS (
        SELECT id FROM (
            SELECT id, row_number() OVER (PARTITION BY lane ORDER BY next_attempt_at) AS turn
            FROM work WHERE kind = ANY(:kinds) AND next_attempt_at <= clock_timestamp()
        ) AS queued ORDER BY turn LIMIT 1000
    ), free AS (
        SELECT work.id FROM work JOIN due USING (id) WHERE next_attempt_at <= clock_timestamp()
        FOR UPDATE OF work SKIP LOCKED LIMIT 1
    )
    UPDATE work SET crashes = crashes + claimed::int, claimed = true, attempts = attempts + 1,
        next_attempt_at = clock_timestamp() + make_interval(secs => :claim)
    FROM free WHERE work.id = free.id
    RETURNING work.id, kind, key, payload, revision, attempts, crashes
"""
_DONE = "DELETE FROM work WHERE id = :id AND revision = :revision AND attempts = :attempts"
_RENEW = """
    UPDATE work SET next_attempt_at = clock_timestamp() + make_interval(secs => :claim)
    WHERE id = :id AND revision = :revision AND attempts = :attempts AND claimed
"""
_LATER = """
    UPDATE work SET claimed = false, crashes = 0, last_error = :error,
        next_attempt_at = clock_timestamp() + make_interval(secs => :pause)
    WHERE id = :id AND revision = :revision AND attempts = :attempts
"""


@dataclass(frozen=True)
class WorkItem:
    """One claimed row. `payload` is the JSON that was enqueued."""

    id: int
    kind: str
    key: str
    payload: bytes
    revision: int
    attempts: int
    crashes: int

    @property
    def hold(self) -> dict[str, int]:
        """What the row must still say for the claim to be ours: neither asked for anew nor taken over."""
        return {"id": self.id, "revision": self.revision, "attempts": self.attempts}


class Superseded(Exception):
    """The row was asked for anew or taken over while we worked: our effects must not be committed."""


class Postpone(Exception):
    """Raised by a worker whose work is not due yet: try again after `seconds`, without counting it as a failure."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds


class Worker:
    """Does one service's work in one thread. `run` returns when `stop` is set."""

    def __init__(self, store: Store, doers: dict[str, Callable[[WorkItem], Effects]]) -> None:
        self.store = store
        self.doers = doers
        self.wake = Signal()
        self._at_work: WorkItem | None = None
        self._unended: WorkItem | None = None
        store.on_commit.append(self.wake.set)

    def run(self, stop: Signal) -> None:
        """Work until told to stop; database and callees may come and go."""
        Thread(target=self._renew, args=(stop,), daemon=True, name="claims").start()
        while not stop.is_set():
            try:
                busy = self.step()
            except Exception as error:
                if not is_transient(error):
                    raise
                RETRIES.labels("worker").inc()
                log.warning("worker_waits", extra={"error": describe(error)})
                stop.wait(1)
                continue
            if not busy:
                self.wake.wait(IDLE_SECONDS)
                self.wake.clear()

    def step(self) -> bool:
        """Do one piece of work; whether there was one."""
        self._give_back()
        item = self._claim()
        if item is None:
            return False
        with bound(correlation=item.key):
            WORK.labels(item.kind, self._do(item)).inc()
        self._unended = None
        return True

    def _give_back(self) -> None:
        """Give back a claim that could not be ended because the database was away: we live, so that row has killed nobody."""
        if self._unended is not None:
            self._later(self._unended, "database_was_away", FIRST_PAUSE_SECONDS)
            self._unended = None

    def _do(self, item: WorkItem) -> str:
        """Do what was claimed; its fate."""
        if item.crashes >= MAX_CRASHES:
            self._bury(item, "killed_process")
            return "dead"
        self._at_work = self._unended = item
        points.reach("claimed")
        try:
            with tracing.activity():
                self._finish(item, self.doers[item.kind](item))
        except Superseded:
            log.info("work_superseded", extra={"kind": item.kind})
            return "superseded"
        except Postpone as wish:
            self._later(item, wish.reason, wish.seconds)
            return "postponed"
        except Fatal as error:
            self._later(item, describe(error), FIRST_PAUSE_SECONDS)
            raise
        except Exception as error:
            return self._fail(item, error)
        finally:
            self._at_work = None
        return "done"

    def _renew(self, stop: Signal) -> None:
        """Keep the claim on what is being done, in a thread beside; one that was taken over or done renews nothing."""
        while not stop.wait(RENEW_SECONDS):
            if (item := self._at_work) is None:
                continue
            try:
                with self.store.transaction() as transaction:
                    transaction.execute(_RENEW, {**item.hold, "claim": CLAIM_SECONDS})
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("claim_not_renewed", extra={"error": describe(error)})

    def _claim(self) -> WorkItem | None:
        with self.store.transaction() as transaction:
            row = transaction.execute(_CLAIM, {"kinds": list(self.doers), "claim": CLAIM_SECONDS}).one_or_none()
        return WorkItem(row.id, row.kind, row.key, bytes(row.payload), row.revision, row.attempts, row.crashes) if row else None

    def _finish(self, item: WorkItem, effects: Effects) -> None:
        with self.store.transaction() as transaction:
            self._remove(transaction, item)
            effects(transaction)
            points.reach("work_before_commit")
        points.reach("work_after_commit")

    def _remove(self, transaction: Transaction, item: WorkItem) -> None:
        if transaction.execute(_DONE, item.hold).rowcount != 1:
            raise Superseded

    def _fail(self, item: WorkItem, error: Exception) -> str:
        if not is_transient(error):
            log.error("work_set_aside", extra={"kind": item.kind, "error": describe(error), "place": where(error)})
            self._bury(item, describe(error))
            return "dead"
        pause = min(FIRST_PAUSE_SECONDS * 2 ** min(item.attempts - 1, 10), LONGEST_PAUSE_SECONDS)
        log.warning("work_again", extra={"kind": item.kind, "error": describe(error), "pause_seconds": pause})
        self._later(item, describe(error), pause)
        return "again"

    def _later(self, item: WorkItem, reason: str, seconds: float) -> None:
        with self.store.transaction() as transaction:
            transaction.execute(_LATER, {**item.hold, "error": reason, "pause": seconds})

    def _bury(self, item: WorkItem, reason: str) -> None:
        with suppress(Superseded), self.store.transaction() as transaction:
            self._remove(transaction, item)
            bury_work(transaction, item.kind, item.key, item.payload, reason, item.attempts)
