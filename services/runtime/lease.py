"""Leases with fencing numbers: who of several copies does what only one may do (relay, scheduler, audit sequencer).

A lease is renewed by its holder and can be taken once it has run out, by real time. The fencing number rises with each new
holder; a write of an old holder that woke up too late is refused by `confirm`. Each renewal also notes how far the
holder's machine clock is ahead of the database's, for the alarm about clocks.
"""

import time
from datetime import UTC, datetime
from uuid import uuid4

from services.runtime.database import Store
from services.runtime.errors import Transient, is_transient
from services.runtime.metrics import LEASE
from services.runtime.transaction import Transaction

LEASE_SECONDS = 5
"""Long enough for a slow disk, short enough that a killed holder is replaced before anybody asks."""

RENEW_SECONDS = 1.0
"""How long a hold is believed without asking; writers confirm their fencing number in any case."""

_ACQUIRE = """
    INSERT INTO lease AS l (name, holder, fence, expires_at, clock_ms)
    VALUES (:name, :holder, 1, clock_timestamp() + make_interval(secs => :seconds),
        extract(epoch FROM CAST(:machine AS timestamptz) - clock_timestamp()) * 1000)
    ON CONFLICT (name) DO UPDATE SET
        fence = l.fence + CASE WHEN l.holder = excluded.holder THEN 0 ELSE 1 END,
        holder = excluded.holder, expires_at = excluded.expires_at, clock_ms = excluded.clock_ms
    WHERE l.holder = excluded.holder OR l.expires_at < clock_timestamp()
    RETURNING fence
"""

_RELEASE = "UPDATE lease SET expires_at = clock_timestamp() WHERE name = :name AND holder = :holder"


class Lease:
    """One copy's hold on one name. `hold()` acquires or renews it."""

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.name = name
        self.holder = uuid4()
        self.fence: int | None = None
        self._renewed = 0.0

    def hold(self) -> bool:
        """Whether this copy holds the lease now; renewed a few times within its life."""
        if self.fence is not None and time.monotonic() - self._renewed < RENEW_SECONDS:
            return True
        values = {"name": self.name, "holder": self.holder, "seconds": LEASE_SECONDS}
        with self.store.transaction() as transaction:
            machine = datetime.now(UTC)
            self.fence = transaction.execute(_ACQUIRE, {**values, "machine": machine}).scalar_one_or_none()
        self._renewed = time.monotonic()
        LEASE.labels(self.name).set(self.fence is not None)
        return self.fence is not None

    def confirm(self, transaction: Transaction) -> None:
        """Refuse, inside the transaction that writes, a holder who has been replaced."""
        found = transaction.execute("SELECT fence FROM lease WHERE name = :name FOR SHARE", {"name": self.name}).scalar_one()
        if found != self.fence:
            raise Transient(f"lease_lost {self.name}")

    def release(self) -> None:
        """Let the next copy have it at once (orderly stop). Where the database does not answer, it runs out by itself."""
        LEASE.labels(self.name).set(0)
        try:
            with self.store.transaction() as transaction:
                transaction.execute(_RELEASE, {"name": self.name, "holder": self.holder})
        except Exception as error:
            if not is_transient(error):
                raise
