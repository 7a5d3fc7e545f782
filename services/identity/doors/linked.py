"""What clerks (*sagsbehandlere*) have linked, and how a wrong link is undone: who holds the pseudonym is told of it."""

from datetime import datetime
from uuid import UUID

import msgspec
from litestar.exceptions import NotFoundException

from services.identity import groups
from services.runtime.transaction import Transaction

LISTED = 1_000
"""Rows that are shown at once, newest first."""

# A link explains the number at the end of a chain; the pseudonym was given out for that number, or for the one before it.
_LIST = """
    SELECT held.pseudonym, l.kind, l.number, l.cpr, l.actor, l.at FROM link l CROSS JOIN LATERAL (
        SELECT s.pseudonym FROM pseudonym s WHERE s.kind = l.kind AND s.number = l.number
        UNION ALL SELECT s.pseudonym FROM person p JOIN pseudonym s ON s.kind = 'CPR' AND s.number = p.cpr
            WHERE l.kind = 'CPR' AND p.current_cpr = l.number
        LIMIT 1
    ) AS held ORDER BY l.at DESC, held.pseudonym LIMIT :limit
"""
_UNDO = """
    WITH RECURSIVE chain (kind, number) AS (
        SELECT kind, number FROM pseudonym WHERE pseudonym = :pseudonym
        UNION
        SELECT c.kind, p.current_cpr FROM chain c JOIN person p ON p.cpr = c.number
            WHERE c.kind = 'CPR' AND p.current_cpr IS NOT NULL
    )
    DELETE FROM link l USING chain c WHERE l.kind = c.kind AND l.number = c.number RETURNING l.kind, l.number
"""


class Linked(msgspec.Struct, frozen=True):
    """A link: the pseudonym that waited, the number as the police wrote it, whose it was said to be, by whom and when."""

    pseudonym: UUID
    kind: str
    number: str
    cpr: str
    actor: str
    at: datetime


def list_linked(transaction: Transaction, actor: str) -> list[Linked]:
    """What was linked, newest first."""
    rows = [Linked(*row) for row in transaction.execute(_LIST, {"limit": LISTED})]
    subjects = [row.pseudonym for row in rows]
    transaction.audit("consultation", "links_listed", purpose="identification", actor=actor, subjects=subjects)
    return rows


def undo(transaction: Transaction, pseudonym: UUID, actor: str) -> None:
    """Take a link back: the number waits again, and holders of its pseudonym are told."""
    groups.lock_for_changing(transaction)
    numbers = [(row.kind, row.number) for row in transaction.execute(_UNDO, {"pseudonym": pseudonym})]
    if not numbers:
        raise NotFoundException("nobody was linked under this pseudonym")
    groups.tell(transaction, groups.regroup(transaction, numbers), str(pseudonym))
    transaction.audit("alteration", "link_undone", purpose="identification", actor=actor, subjects=[pseudonym])
