"""Doors for operators and auditors: what came and what became of it, and which rows were set aside; no personal data."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get
from litestar.params import FromQuery, QueryParameter
from litestar.types import ControllerRouterHandler

from services.intake import store
from services.intake.domain.reasons import FAULTS, REFUSALS
from services.runtime.database import Store
from services.runtime.http import allow
from services.runtime.transaction import LARGEST_INTEGER

PAGE = 1_000
"""Rows of quarantine per answer, each some 300 bytes."""
LARGEST_PAGE = 10_000


class ExtractLine(msgspec.Struct, frozen=True):
    """One extract. States: queued, waiting (for the one before it), refused, reading, read. `rows` is the manifest's.

    `file` is the data file, or the manifest where no data was accepted; `repeats` counts deliveries
    after it had been read; `advice` says what to do about a refusal.
    """

    extract_id: str
    district: str | None
    sequence: int | None
    covers_until: datetime | None
    week: str | None
    state: str
    reason: str | None
    field: str | None
    file: str | None
    rows: int | None
    rows_done: int
    new: int
    corrected: int
    withdrawn: int
    repeated: int
    stale: int
    quarantined: int
    repeats: int
    seen_at: datetime | None
    read_at: datetime | None
    advice: str | None


class QuarantineLine(msgspec.Struct, frozen=True):
    """One row that was set aside. `line` counts from 1, a CSV file's header included; `sha256` is the file's."""

    extract_id: str
    file: str
    sha256: str
    line: int
    field: str | None
    reason: str
    advice: str


def routes(database: Store) -> Sequence[ControllerRouterHandler]:
    """The doors over this database."""

    @get("/extracts", opt=allow("operator", "auditor"), sync_to_thread=True)
    def extracts() -> list[ExtractLine]:
        with database.transaction() as transaction:
            rows = transaction.execute(store.LIST_EXTRACTS).all()
        return [ExtractLine(**row._mapping, advice=REFUSALS.get(row.reason)) for row in rows]

    @get("/quarantine", opt=allow("operator", "auditor"), sync_to_thread=True)
    def quarantine(
        extract_id: FromQuery[str | None] = None,
        after: Annotated[int, QueryParameter(ge=0, le=LARGEST_INTEGER, description="lines of the extract to pass over")] = 0,
        limit: Annotated[int, QueryParameter(ge=1, le=LARGEST_PAGE)] = PAGE,
    ) -> list[QuarantineLine]:
        values = {"extract_id": extract_id, "after": after, "limit": limit}
        with database.transaction() as transaction:
            rows = transaction.execute(store.LIST_QUARANTINE, values).all()
        return [QuarantineLine(**row._mapping, advice=FAULTS[row.reason]) for row in rows]

    return [extracts, quarantine]
