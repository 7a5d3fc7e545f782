"""Is the database there, of the version that this code expects, and does its clock agree?"""

import time
from pathlib import Path

from services.runtime.checks.finding import Finding, bad, ok, warn
from services.runtime.transaction import Transaction

CLOCK_WARN_SECONDS = 1.0
"""A machine with a time service is within some milliseconds."""
CLOCK_BAD_SECONDS = 2.5
"""Half a lease: two copies could then both believe that they hold it."""
SET_CLOCK = "timedatectl set-ntp true  # on the machine whose clock is wrong"
SERVICES_FOLDER = Path(__file__).parents[2]


def check(transaction: Transaction) -> list[Finding]:
    """Version, clock, dead letters."""
    return [_schema(transaction), _clock(transaction), _dead_letters(transaction)]


def unreachable() -> Finding:
    """The database does not answer, or not to us."""
    return bad("database", "does not answer", "make start  # or set DATABASE_URL")


def _schema(transaction: Transaction) -> Finding:
    """The newest migration of each line that this code has must be in the schema's `alembic_version`."""
    wanted = [head for line in (transaction.service, "runtime") if (head := _head(line))]
    there = transaction.execute("SELECT to_regclass('alembic_version') IS NOT NULL").scalar_one()
    present = set(transaction.execute("SELECT version_num FROM alembic_version").scalars()) if there else set()
    older = [line for line in wanted if not any(_reaches(found, line) for found in present)]
    if older:
        return bad("schema", f"older than this version: lacks {', '.join(older)}", "make start  # migrates")
    return ok("schema", ", ".join(sorted(present)) or "as declared")


def _head(line: str) -> str:
    names = sorted(path.stem for path in (SERVICES_FOLDER / line / "migrations").glob(f"{line}_[0-9]*.py"))
    return "_".join(names[-1].split("_")[:2]) if names else ""


def _reaches(found: str, wanted: str) -> bool:
    (line, number), (wanted_line, wanted_number) = found.rsplit("_", 1), wanted.rsplit("_", 1)
    return line == wanted_line and int(number) >= int(wanted_number)


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
