"""One batch of lines into the register tables: a line replaces everything that was known of its person.

Set-based: one look at what is known of these numbers, one deletion per table of what is replaced, one COPY per table of what
is new. Straight COPY is twice as fast as a temporary table that is merged, and the first load is nearly all new.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import LiteralString, NamedTuple
from uuid import UUID, uuid4

import psycopg

from services.identity.domain.lines import InstitutionLine, PersonLine
from services.identity.domain.manifest import Refused
from services.identity.register import rows
from services.runtime.errors import Transient
from services.runtime.transaction import Transaction

# Ten thousand look-ups by index beat reading a table of millions, which the planner cannot know of an array.
_PLAN = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off"
_KNOWN = """
    SELECT given.cpr, p.cpr IS NOT NULL AS registered, p.current_cpr, i.pseudonym, l.cpr IS NOT NULL AS linked
    FROM unnest(CAST(:cprs AS text[])) AS given (cpr)
    LEFT JOIN person p ON p.cpr = given.cpr
    LEFT JOIN identity i ON i.kind = 'CPR' AND i.number = given.cpr
    LEFT JOIN link l ON l.kind = 'CPR' AND l.number = given.cpr
    WHERE p.cpr IS NOT NULL OR i.number IS NOT NULL
"""
_SUCCESSORS = "SELECT given.cpr FROM unnest(CAST(:cprs AS text[])) AS given (cpr) JOIN person p ON p.current_cpr = given.cpr"
_FORGET = (
    "DELETE FROM person WHERE cpr = ANY(:cprs)",
    "DELETE FROM address WHERE cpr = ANY(:cprs)",
    "DELETE FROM parent WHERE cpr = ANY(:cprs)",
    "DELETE FROM custody WHERE cpr = ANY(:cprs)",
)
_TOUCH = """
    INSERT INTO touched (kind, number) SELECT 'CPR', unnest(CAST(:cprs AS text[]))
    ON CONFLICT (kind, number) DO UPDATE SET placed = false
"""


class Before(NamedTuple):
    """What was known of a number: whether it had a line, its successor, its pseudonym, whether a clerk had linked it."""

    cpr: str
    registered: bool
    current_cpr: str | None
    pseudonym: UUID | None
    linked: bool


class Merged(NamedTuple):
    """What a batch did: how many persons were not known before, and the pseudonyms of all that have one already."""

    added: int
    pseudonyms: list[UUID]


def merge(transaction: Transaction, persons: Mapping[str, PersonLine], *, at_once: bool) -> Merged:
    """Replace what is known of these persons, by number.

    New numbers get a pseudonym `at_once` where millions are new; else at the end of the file, where a new number can share that
    of the number which it replaces, wherever the two stand in the file.
    """
    transaction.execute(_PLAN)
    before = {row.cpr: Before(*row) for row in transaction.execute(_KNOWN, {"cprs": list(persons)})}
    registered = [cpr for cpr, was in before.items() if was.registered]
    for statement in _FORGET if registered else ():
        transaction.execute(statement, {"cprs": registered})
    _copy_persons(transaction, persons.values())
    touched = {cpr for cpr, line in persons.items() if _changes_group(line, before.get(cpr))}
    new = [cpr for cpr in persons if cpr not in touched and (cpr not in before or before[cpr].pseudonym is None)]
    given = _give_pseudonyms(transaction, new) if at_once else {}
    touched.update(cpr for cpr in new if cpr not in given)
    if touched:
        transaction.execute(_TOUCH, {"cprs": list(touched)})
    held = {was.pseudonym for was in before.values() if was.pseudonym is not None}
    return Merged(len(persons) - len(registered), [*given.values(), *held])


def _changes_group(line: PersonLine, was: Before | None) -> bool:
    """Whether the number's step to another number changes, or a clerk had said whose it is and the register now knows."""
    return line.current_cpr != (was.current_cpr if was else None) or (was is not None and was.linked)


def _copy_persons(transaction: Transaction, persons: Collection[PersonLine]) -> None:
    copy(transaction, "COPY person FROM STDIN", rows.person_rows(persons))
    copy(transaction, "COPY address FROM STDIN", rows.address_rows(persons))
    copy(transaction, "COPY parent FROM STDIN", rows.parent_rows(persons))
    copy(transaction, "COPY custody FROM STDIN", rows.custody_rows(persons))


def _give_pseudonyms(transaction: Transaction, cprs: Collection[str]) -> dict[str, UUID]:
    """Pseudonyms for numbers that stand alone; a number that another one leads to waits for the end of the file."""
    successors = set(transaction.execute(_SUCCESSORS, {"cprs": list(cprs)}).scalars())
    given = {cpr: uuid4() for cpr in cprs if cpr not in successors}
    copy(transaction, "COPY identity (kind, number, pseudonym) FROM STDIN", rows.identity_rows(given))
    return given


def copy(transaction: Transaction, statement: LiteralString, text: str) -> None:
    """COPY rows in text format. Raises Transient when the database went away, Refused when it does not take the rows.

    The driver's own errors do not pass through SQLAlchemy here, and their messages quote rows.
    """
    if not text:
        return
    try:
        with transaction.driver.cursor() as cursor, cursor.copy(statement) as stream:
            stream.write(text)
    except psycopg.OperationalError as error:
        raise Transient(f"copy_interrupted sqlstate={error.sqlstate}") from None
    except psycopg.Error as error:
        raise Refused("load_failed", error.sqlstate) from None


def replace_institutions(transaction: Transaction, places: Iterable[Collection[InstitutionLine]]) -> None:
    """Replace the list of institutions and shelters by these batches."""
    transaction.execute("DELETE FROM institution")
    for batch in places:
        copy(transaction, "COPY institution FROM STDIN", rows.institution_rows(batch))
