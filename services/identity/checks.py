"""What only identity sees of its health: a register of which the newest delivery was taken in half."""

from pathlib import Path

from services.identity.register import files
from services.runtime.checks import mends
from services.runtime.checks.finding import Finding, bad, ok
from services.runtime.database import Store


def whole(database: Store, inbox: Path) -> Finding:
    """Whether the doors answer, but for minutes in which a delivery is being read."""
    with database.transaction() as transaction:
        sequence = files.half_read(transaction)
        version = files.register_version(transaction)
    if sequence is None:
        return ok("register", f"whole, version {version}")
    name = f"register-{sequence:05d}"
    what = f"{name} was refused half read: runs, letters and sending wait until it is delivered again"
    return bad("register", what, mends.copy(f"{name}.manifest.json {name}.jsonl", inbox, "inbox/register"))
