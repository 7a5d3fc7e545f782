"""How far an accepted extract has been read: the row of the table `extract`."""

from datetime import datetime

import msgspec

from events.extract import RowCounts
from services.intake import store
from services.intake.domain.row import MediaType
from services.runtime.transaction import Transaction


class Progress(msgspec.Struct, frozen=True):
    """An accepted extract. Rows begin again at byte `next_offset`, after `lines_done` lines."""

    extract_id: str
    district: str
    sequence: int
    covers_until: datetime
    week: str
    sha256: str
    file: str | None
    media_type: MediaType
    rows: int
    fingerprint: str
    next_offset: int
    lines_done: int
    counts: RowCounts

    @property
    def at_end(self) -> bool:
        """Whether every row has met its fate."""
        return self.counts.rows == self.rows


def load(transaction: Transaction, extract_id: str) -> Progress:
    """The progress of an extract that was accepted."""
    row = transaction.execute(store.PROGRESS, {"extract_id": extract_id}).one()
    counts = RowCounts(*row[12:])
    return Progress(*[*row[:12], counts])
