"""The effects of one batch of rows, in one transaction: fates, records published, bad rows set aside, progress moved."""

from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from events.record import Record
from events.topics import RECORD
from services.intake import keys, store
from services.intake.batch import BadRow, Batch, GoodRow
from services.intake.domain.fate import Fate, State, is_news
from services.intake.domain.keyed import Keyed
from services.intake.handlers import PURPOSE, ask
from services.intake.progress import Progress
from services.intake.records import Records, Slot
from services.runtime.errors import Transient
from services.runtime.transaction import Transaction


def take_in(transaction: Transaction, progress: Progress, batch: Batch, keyed: Keyed) -> None:
    """Give every row of a batch its fate, publish what is news, set aside what is bad, and move the progress."""
    keys.confirm(transaction, keyed)
    fates, conflicts = _settle(transaction, progress, batch.good, keyed)
    _set_aside(transaction, progress, [*batch.bad, *conflicts])
    _advance(transaction, progress, batch, fates)
    _audit(transaction, progress, batch)
    ask(transaction, progress.extract_id, progress.district)


def _settle(
    transaction: Transaction, progress: Progress, rows: list[GoodRow], keyed: Keyed
) -> tuple[Counter[Fate], list[BadRow]]:
    """Offer the rows in the order of the file, so that several of one key in a batch meet each other; publish what is news."""
    own = [keyed.record(good.row.journal_number, good.row.party_number) for good in rows]
    older = [_superseded(good, keyed) for good in rows]
    records = Records(transaction, [*own, *(key for key in older if key is not None)])
    fates: Counter[Fate] = Counter()
    conflicts = []
    for good, key, superseded in zip(rows, own, older, strict=True):
        fate, slot = records.offer(key, State(good.row.revision, good.row.status, keyed.content(good.row)))
        fates[fate] += 1
        if is_news(fate):
            supersedes = None if superseded is None else records.reserve(superseded)
            record = _record(progress, good, slot, supersedes, keyed)
            transaction.publish(RECORD, str(slot.record_id), slot.version, record, progress.extract_id)
        elif fate == "conflict":
            conflicts.append(BadRow(good.line, "conflict", "revision"))
    records.save()
    return fates, conflicts


def _superseded(good: GoodRow, keyed: Keyed) -> bytes | None:
    number = good.row.superseded_journal_number
    return None if number is None else keyed.record(number, good.row.party_number)


def _record(progress: Progress, good: GoodRow, slot: Slot, supersedes: UUID | None, keyed: Keyed) -> Record:
    row = good.row
    return Record(
        record_id=slot.record_id,
        extract_id=progress.extract_id,
        revision=row.revision,
        status=row.status,
        supersedes=supersedes,
        district=row.district,
        registered_at=row.registered_at,
        occurred_at=row.occurred_at,
        code=row.code,
        code_scheme=row.code_scheme,
        person=good.person.pseudonym,
        standing=good.person.standing,
        role=row.role,
        outcome=row.outcome,
        place=keyed.place(row.place),
        child_present=row.child_present,
    )


def _set_aside(transaction: Transaction, progress: Progress, bad: Iterable[BadRow]) -> None:
    statement = "COPY quarantine (extract_id, line, file, sha256, field, reason) FROM STDIN"
    with transaction.driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in bad:
            copy.write_row((progress.extract_id, row.line, progress.file, progress.sha256, row.field, row.reason))


def _advance(transaction: Transaction, progress: Progress, batch: Batch, fates: Counter[Fate]) -> None:
    counts: dict[str, int] = {fate: fates[fate] for fate in ("new", "corrected", "withdrawn", "repeated", "stale")}
    counts["quarantined"] = len(batch.bad) + fates["conflict"]
    place = {"expected": progress.next_offset, "offset": batch.offset, "line": batch.line, "rows": batch.rows}
    moved = transaction.execute(store.ADVANCE, {"extract_id": progress.extract_id, **place, **counts})
    if moved.rowcount != 1:
        raise Transient("extract_read_by_another_copy")
    transaction.execute(store.STILL_ACCEPTED, {"name": progress.extract_id})


def _audit(transaction: Transaction, progress: Progress, batch: Batch) -> None:
    """One entry: which persons' rows were collected."""
    transaction.audit(
        "collection",
        "rows_read",
        purpose=PURPOSE,
        subjects=[person.pseudonym for person in batch.subjects()],
        week=progress.week,
        extract=progress.extract_id,
        rows=batch.rows,
        first_line=progress.lines_done + 1,
        last_line=batch.line,
    )
