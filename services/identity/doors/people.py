"""Persons by pseudonym: the current register line of each, with the municipality on a day."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple
from uuid import UUID

from services.identity import plan
from services.runtime.transaction import Transaction

_PEOPLE = """
    SELECT asked.pseudonym, coalesce(s.canonical, asked.pseudonym) AS canonical, p.cpr, p.name, p.status, p.status_since,
        p.birth_date, p.protected, (
            SELECT a.municipality FROM address a WHERE a.cpr = p.cpr AND a.since <= :day AND :day < a.until
            ORDER BY a.since DESC LIMIT 1) AS municipality
    FROM unnest(CAST(:pseudonyms AS uuid[])) AS asked (pseudonym)
    LEFT JOIN pseudonym s ON s.pseudonym = asked.pseudonym
    JOIN identity i ON i.pseudonym = coalesce(s.canonical, asked.pseudonym)
    JOIN person p ON p.cpr = i.number AND p.current_cpr IS NULL
"""
_CANONICAL = "SELECT pseudonym, canonical FROM pseudonym WHERE pseudonym = ANY(:pseudonyms)"


class Known(NamedTuple):
    """Somebody whom the register knows. `municipality` is that of the address on the day asked about."""

    pseudonym: UUID
    canonical: UUID
    cpr: str
    name: str
    status: str
    status_since: date
    birth_date: date
    protected: bool
    municipality: str | None


def known(transaction: Transaction, pseudonyms: Iterable[UUID], day: date) -> dict[UUID, Known]:
    """Those of these pseudonyms that stand for somebody with a current line in the register."""
    plan.by_index(transaction)
    rows = transaction.execute(_PEOPLE, {"pseudonyms": sorted(set(pseudonyms)), "day": day})
    return {row.pseudonym: Known(*row) for row in rows}


def canonical(transaction: Transaction, pseudonyms: Iterable[UUID]) -> dict[UUID, UUID]:
    """Who these pseudonyms are now; those that never changed are themselves."""
    asked = list(pseudonyms)
    changed = dict(transaction.execute(_CANONICAL, {"pseudonyms": asked}).tuples().all())
    return {pseudonym: changed.get(pseudonym, pseudonym) for pseudonym in asked}
