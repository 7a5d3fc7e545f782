"""Is the database there, of the version that this code expects, and does its clock agree?"""

import time

from services.runtime import versions
from services.runtime.checks import mends
from services.runtime.checks.finding import Finding, bad, ok, warn
from services.runtime.transaction import Transaction

CLOCK_WARN_SECONDS = 1.0
"""A machine with a time service is within some milliseconds."""
CLOCK_BAD_SECONDS = 2.5
"""Half a lease: two copies could then both believe that they hold it."""
SET_CLOCK = "timedatectl set-ntp true  # on the machine whose clock is wrong"


def check(transaction: Transaction) -> list[Finding]:
    """Version, clock, dead letters."""
    return [_schema(transaction), _clock(transaction), _dead_letters(transaction)]


def unreachable() -> Finding:
    """The database does not answer, or not to us."""
    return bad("database", "does not answer", mends.start("or set DATABASE_URL"))


def _schema(transaction: Transaction) -> Finding:
    """Whether the schema has reached what this code expects."""
    present = transaction.execute("SELECT version_num FROM alembic_version ORDER BY 1").scalars().all()
    if missing := versions.behind(transaction.service, present):
        return bad("schema", f"older than this version: lacks {', '.join(missing)}", mends.migrate())
    return ok("schema", ", ".join(present))


def _clock(transaction: Transaction) -> Finding:
    began = time.time()
    there = float(transaction.execute("SELECT extract(epoch FROM clock_timestamp())").scalar_one())
    return clocks("the database's clock", (began + time.time()) / 2 - there)


def clocks(whose: str, offset: float) -> Finding:
    """How two clocks agree."""
    what = f"{abs(offset):.2f} s {'after' if offset > 0 else 'before'} {whose}"
    if abs(offset) > CLOCK_BAD_SECONDS:
        return bad("clock", what, SET_CLOCK)
    return warn("clock", what, SET_CLOCK) if abs(offset) > CLOCK_WARN_SECONDS else ok("clock", what)


def _dead_letters(transaction: Transaction) -> Finding:
    query = "SELECT id, reason FROM dead_letter WHERE redriven_at IS NULL ORDER BY id"
    waiting = transaction.execute(query).all()
    if not waiting:
        return ok("dead letters", "none waits")
    first = waiting[0]
    mend = f"socialsog dead-letters redrive {transaction.service} {first.id}  # once its cause is mended"
    return warn("dead letters", f"{len(waiting)} wait; the first: {first.reason}", mend)
