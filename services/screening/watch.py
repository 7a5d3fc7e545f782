"""The alarms' keeper: looks at the vitals every period, keeps what holds, and tells each change once, in audit log and log.

What holds is in the table `alarm`, so that a restart, another copy or a repeated look raises nothing twice. A look that fails is
logged and leaves its last moment where it was, and so becomes visible as late; it never stops the runs.
"""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from services.ledger import Measure
from services.runtime.checks.finding import Finding, bad, ok
from services.runtime.checks.mends import restart
from services.runtime.database import Store
from services.runtime.errors import describe, is_transient
from services.runtime.transaction import Transaction
from services.screening.domain.alarms import Alarm, Changes, Kind, Level, changes, holding
from services.screening.domain.limits import Limits
from services.screening.domain.vitals import Stall, Vitals, stalls

log = logging.getLogger(__name__)

NOTED_SECONDS = 10.0
"""How often it is noted that the schedule was looked at: twice a second would be written for nobody."""
LATE_PERIODS = 3
"""Periods without a look after which the scheduler counts as dead: one may be slow, and another copy may have to take over."""

ReadVitals = Callable[[], tuple[datetime, list[Measure]]]
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext(current_schema()), hashtext('alarms'))"
_LOOKED = "SELECT extract(epoch FROM clock_timestamp() - at)::float FROM look WHERE name = 'alarms'"
_NOTE = """
    INSERT INTO look (name, at, took_ms) VALUES (:name, coalesce(:at, clock_timestamp()), :took)
    ON CONFLICT (name) DO UPDATE SET at = excluded.at, took_ms = excluded.took_ms
"""
_OPEN = "SELECT kind, subject, level, amount, detail, raised_at, escalated_at, seen_at FROM alarm WHERE cleared_at IS NULL"
_HOLD = """
    INSERT INTO alarm AS a (kind, subject, level, amount, detail, raised_at, escalated_at, seen_at)
    VALUES (:kind, :subject, :level, :amount, :detail, :now, CASE WHEN :level = 'escalate' THEN :now END, :seen)
    ON CONFLICT (kind, subject) WHERE cleared_at IS NULL DO UPDATE SET level = excluded.level, amount = excluded.amount,
        detail = excluded.detail, escalated_at = coalesce(a.escalated_at, excluded.escalated_at), seen_at = excluded.seen_at
"""
_CLEAR = "UPDATE alarm SET cleared_at = :now WHERE kind = :kind AND subject = :subject AND cleared_at IS NULL"
_ADD_STALL = "INSERT INTO stall (place, published, since) VALUES (:place, :published, :since)"


class Held(msgspec.Struct, frozen=True):
    """One alarm that holds, as people see it. `seen_at` is the last look (real time), the rest business time."""

    kind: Kind
    subject: str
    level: Level
    amount: int
    detail: str
    raised_at: datetime
    escalated_at: datetime | None
    seen_at: datetime


class Look(msgspec.Struct, frozen=True):
    """When the scheduler last did something (real time), how long it took, and how many seconds ago that is."""

    name: str
    at: datetime
    took_ms: int
    seconds_ago: float


class Watch:
    """Looks for alarms. `read` gives the moment of the snapshot and the measures."""

    def __init__(self, store: Store, limits: Limits, period: float, read: ReadVitals) -> None:
        self.store = store
        self.limits = limits
        self.period = period
        self.read = read
        self._noted = self._tried = float("-inf")

    def noting(self, action: Callable[[], None]) -> Callable[[], None]:
        """The scheduler's action, followed by a note of when it was last done."""

        def act() -> None:
            begun = time.monotonic()
            action()
            if time.monotonic() - self._noted > NOTED_SECONDS:
                with self.store.transaction() as transaction:
                    _note(transaction, "runs", None, begun)
                self._noted = time.monotonic()

        return act

    def look_if_due(self) -> None:
        """What the scheduler repeats: look, unless some copy has within the period (or this one has tried)."""
        if time.monotonic() - self._tried < self.period:
            return
        with self.store.transaction() as transaction:
            ago = transaction.execute(_LOOKED).scalar_one_or_none()
        if ago is not None and 0 <= ago < self.period:
            return
        self._tried = time.monotonic()
        try:
            self.look()
        except Exception as error:
            if is_transient(error):
                raise
            log.error("alarm_look_failed", extra={"error": describe(error)})

    def look(self) -> None:
        """Compute the alarms once, keep them, and tell what changed."""
        begun = time.monotonic()
        real, measures = self.read()
        with self.store.transaction() as transaction:
            transaction.execute(_ONE_AT_A_TIME)
            if transaction.execute("SELECT FROM look WHERE name = 'alarms' AND at >= :real", {"real": real}).first():
                return  # another copy's look is newer than ours
            vitals = Vitals(transaction.now, real, {(each.service, each.name): each.amount for each in measures})
            found = holding(self._with_stalls(transaction, vitals), self.limits)
            known = [Alarm(row.kind, row.subject, row.level, row.amount, row.detail) for row in transaction.execute(_OPEN)]
            told = changes(known, found)
            self._keep(transaction, told, real)
            _note(transaction, "alarms", real, begun)
        _tell(told)

    def _with_stalls(self, transaction: Transaction, vitals: Vitals) -> Vitals:
        known = {row.place: Stall(row.published, row.since) for row in transaction.execute("SELECT * FROM stall")}
        found = stalls(known, vitals)
        transaction.execute("DELETE FROM stall")
        rows = [{"place": place, "published": each.published, "since": each.since} for place, each in found.items()]
        if rows:
            transaction.execute(_ADD_STALL, rows)
        return Vitals(vitals.business, vitals.real, vitals.amounts, found)

    def _keep(self, transaction: Transaction, told: Changes, real: datetime) -> None:
        for alarm in (*told.raised, *told.escalated, *told.lowered, *told.kept):
            row = {"kind": alarm.kind, "subject": alarm.subject, "level": alarm.level, "detail": alarm.detail}
            transaction.execute(_HOLD, {**row, "amount": alarm.amount, "now": transaction.now, "seen": real})
        for alarm in told.cleared:
            transaction.execute(_CLEAR, {"kind": alarm.kind, "subject": alarm.subject, "now": transaction.now})
        for action, alarm in told.told():
            codes: dict[str, Any] = _codes(alarm)
            transaction.audit("alteration", action, purpose="operation", **codes)

    def check(self) -> list[Finding]:
        """For the doctor: a look that fails leaves the alarms as they were, which looks like peace."""
        with self.store.transaction() as transaction:
            found = looks(transaction)
        if self.late(found):
            what = f"nobody has looked for alarms for {LATE_PERIODS} periods of {self.period:.0f} s"
            return [bad("alarms", what, restart(self.store.service))]
        return [ok("alarms", "looked for")]

    def late(self, looks: Iterable[Look]) -> bool:
        """Whether the last look for alarms is so old (or never was) that the scheduler counts as dead."""
        return not any(each.name == "alarms" and each.seconds_ago <= LATE_PERIODS * self.period for each in looks)


def _note(transaction: Transaction, name: str, at: datetime | None, begun: float) -> None:
    took = timedelta(seconds=time.monotonic() - begun) // timedelta(milliseconds=1)
    transaction.execute(_NOTE, {"name": name, "at": at, "took": took})


def _codes(alarm: Alarm) -> dict[str, str | int]:
    return {"alarm": alarm.kind, "about": alarm.subject, "severity": alarm.level, "amount": alarm.amount}


def _tell(told: Changes) -> None:
    for action, alarm in told.told():
        better = action in ("alarm_lowered", "alarm_cleared")
        log.log(logging.INFO if better else logging.WARNING, action, extra=_codes(alarm))


def current(transaction: Transaction) -> list[Held]:
    """The alarms that hold as of the last look, the worst first: for the door and for metrics."""
    rows = transaction.execute(f"{_OPEN} ORDER BY level = 'warn', kind, subject").mappings()
    return [msgspec.convert(dict(row), Held) for row in rows]


def looks(transaction: Transaction) -> list[Look]:
    """When the scheduler last ran what it repeats."""
    query = "SELECT name, at, took_ms, extract(epoch FROM clock_timestamp() - at)::float AS seconds_ago FROM look ORDER BY name"
    return [msgspec.convert(dict(row), Look) for row in transaction.execute(query).mappings()]
