"""The effects of each step of an extract, each of them one transaction: refuse, wait, accept, finish (and `rows.take_in`).

Whatever step comes next is asked for in the same transaction, so that there is always exactly one.
"""

from typing import Any

from events.extract import Extract
from events.topics import EXTRACT, RECORD
from services.intake import store
from services.intake.domain.manifest import Manifest
from services.intake.domain.reasons import Refusal
from services.intake.progress import Progress
from services.intake.verify import Verified
from services.runtime.errors import Transient
from services.runtime.transaction import Transaction

PURPOSE = "screening"
WORK = "read"
"""Kind of the work rows: the next step of one extract."""


def ask(transaction: Transaction, extract_id: str, district: str) -> None:
    """Ask for the next step of an extract; districts take turns."""
    transaction.enqueue(WORK, extract_id, {}, lane=district)


def decide(
    transaction: Transaction, name: str, manifest: Manifest | None, state: str, refusal: Refusal | None = None, repeats: int = 0
) -> None:
    """Note what became of an arrival."""
    known = manifest and {field: getattr(manifest, field) for field in ("district", "sequence", "covers_until", "week")}
    nothing = {"district": None, "sequence": None, "covers_until": None, "week": None}
    decision = {"state": state, "reason": refusal and refusal.reason, "field": refusal and refusal.field, "repeats": repeats}
    transaction.execute(store.DECIDED, {"name": name, **(known or nothing), **decision})


def refuse(transaction: Transaction, name: str, mark: str, manifest: Manifest | None, refusal: Refusal) -> None:
    """Refuse an extract whole. It is looked at again when its files are no longer those of `mark`, or a gap is filled."""
    decide(transaction, name, manifest, "refused", refusal)
    transaction.execute(store.LOOKED_AT, {"name": name, "fingerprint": mark})
    week = manifest.week if manifest else None
    transaction.audit("collection", "extract_refused", purpose=PURPOSE, week=week, extract=name, reason=refusal.reason)


def forget(transaction: Transaction, name: str) -> None:
    """A manifest that was taken away: when it comes back, it is looked at as if new."""
    transaction.execute(store.FORGET, {"names": [name]})


def accept(transaction: Transaction, manifest: Manifest, verified: Verified) -> None:
    """Accept an extract whose file is what the manifest says."""
    values = {field: getattr(manifest, field) for field in ("extract_id", "week", *Manifest.__struct_fields__)}
    transaction.execute(store.ACCEPT, {**values, **verified._asdict(), "now": transaction.now})
    decide(transaction, manifest.extract_id, manifest, "accepted")
    ask(transaction, manifest.extract_id, manifest.district)


def go_on(transaction: Transaction, manifest: Manifest, verified: Verified) -> None:
    """Go on reading an extract whose file was put back in between, and is the same."""
    transaction.execute(store.REVERIFIED, {"extract_id": manifest.extract_id, "fingerprint": verified.fingerprint})
    decide(transaction, manifest.extract_id, manifest, "accepted")
    ask(transaction, manifest.extract_id, manifest.district)


def repeat(transaction: Transaction, manifest: Manifest) -> None:
    """An extract that was read before has come again: note it, and nothing else."""
    decide(transaction, manifest.extract_id, manifest, "accepted", repeats=1)


def wait(transaction: Transaction, manifest: Manifest) -> None:
    """Wait for the extract before this one, which is being read."""
    decide(transaction, manifest.extract_id, manifest, "waiting")


def finish(transaction: Transaction, progress: Progress) -> None:
    """Say that an extract has been read to its end, and up to where its records were published.

    The positions of the last batch were taken at the end of that batch's transaction, so this is a later one.
    """
    if transaction.execute(store.FINISH, {"extract_id": progress.extract_id, "now": transaction.now}).rowcount != 1:
        raise Transient("extract_read_by_another_copy")
    transaction.execute(store.STILL_ACCEPTED, {"name": progress.extract_id})
    extract = Extract(
        extract_id=progress.extract_id,
        district=progress.district,
        sequence=progress.sequence,
        covers_until=progress.covers_until,
        counts=progress.counts,
        through=_through(transaction),
    )
    transaction.publish(EXTRACT, extract.extract_id, 1, extract, extract.extract_id)
    if progress.counts.quarantined:
        _audit_quarantined(transaction, progress)
    wake(transaction)


def _through(transaction: Transaction) -> list[int]:
    """The last position of each partition of the records' topic."""
    last = {row.partition: row.last for row in transaction.execute(store.THROUGH, {"topic": RECORD.name})}
    return [last.get(partition, 0) for partition in range(RECORD.partitions)]


def _audit_quarantined(transaction: Transaction, progress: Progress) -> None:
    """One entry with how many rows were set aside for which reason."""
    rows = transaction.execute(store.REASONS, {"extract_id": progress.extract_id})
    reasons = {f"reason_{row.reason}": int(row.amount) for row in rows}
    detail: dict[str, Any] = {"extract": progress.extract_id, **reasons}
    transaction.audit("collection", "rows_quarantined", purpose=PURPOSE, week=progress.week, **detail)


def wake(transaction: Transaction) -> None:
    """Look again at what waited for the extract before it."""
    for name, district in transaction.execute(store.READY).all():
        ask(transaction, name, district)
