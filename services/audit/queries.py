"""Questions to the log: a page of entries by any mixture of filters, and the whole of it in order for the chain check.

A page ends early where its entries list very many persons, so that an answer stays bounded in memory.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from events.audit import Verb
from services.audit.domain import LogRow, Sealed, log_row, moment
from services.runtime.transaction import Transaction

PAGE_SUBJECTS = 50_000
"""Pseudonyms in one page beyond its first entry: about 2 MB as JSON."""
VERIFY_ROWS = 2_000
"""Rows per batch of the chain check: about 1 MB."""

Open = Callable[[], AbstractContextManager[Transaction]]


class Filters(msgspec.Struct, frozen=True):
    """What an auditor asks for; None asks for everything. `since` is included, `until` is not."""

    person: UUID | None = None
    case: UUID | None = None
    run: UUID | None = None
    week: str | None = None
    actor: str | None = None
    municipality: str | None = None
    verb: Verb | None = None
    since: datetime | None = None
    until: datetime | None = None


_CONDITIONS = {
    # Under whatever pseudonym of the same person the entry was written.
    "person": """position IN (SELECT position FROM subject WHERE person IN (
        WITH meant AS (SELECT coalesce((SELECT canonical FROM alias WHERE pseudonym = :person), CAST(:person AS uuid)) AS id)
        SELECT id FROM meant UNION SELECT pseudonym FROM alias JOIN meant ON canonical = id))""",
    "case": "case_id = :case",
    "run": "run_id = :run",
    "week": "week = :week",
    "actor": "actor = :actor",
    "municipality": "municipality = :municipality",
    "verb": "verb = :verb",
    "since": "at >= :since",
    "until": "at < :until",
}
_PAGE = """
    SELECT position, CAST(entry AS text) AS entry, encode(chain, 'hex') AS chain, found FROM (
        SELECT position, entry, chain, count(*) OVER () AS found, sum(subjects) OVER (ORDER BY position) - subjects AS before
        FROM (SELECT position, entry, chain, subjects FROM log WHERE {conditions} ORDER BY position LIMIT :limit + 1) AS matching
    ) AS page WHERE before < :subjects ORDER BY position LIMIT :limit
"""


def page(transaction: Transaction, filters: Filters, after: int, limit: int) -> tuple[list[LogRow], bool]:
    """The next rows after a position that match, in order, and whether there are more."""
    given = {name: value for name, value in msgspec.structs.asdict(filters).items() if value is not None}
    conditions = " AND ".join(["position > :after", *(_CONDITIONS[name] for name in given)])
    values = {name: _value(value) for name, value in given.items()}
    values |= {"after": after, "limit": limit, "subjects": PAGE_SUBJECTS}
    rows = transaction.execute(_PAGE.format(conditions=conditions), values).all()
    more = bool(rows) and rows[0].found > len(rows)
    return [log_row(row.position, msgspec.json.decode(row.entry, type=Sealed), row.chain) for row in rows], more


def _value(value: Any) -> Any:
    return moment(value) if isinstance(value, datetime) else value


def stream(transaction: Open, through: int) -> Iterator[LogRow]:
    """The whole log up to a position, batch by batch, each in a transaction of its own."""
    after, more = 0, through > 0
    while more:
        with transaction() as opened:
            rows, more = page(opened, Filters(), after, VERIFY_ROWS)
        for row in rows:
            if row["position"] > through:
                return
            after = row["position"]
            yield row
