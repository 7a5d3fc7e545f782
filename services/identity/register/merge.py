"""One batch of lines into the register tables: a line replaces everything that was known of its person.

Set-based: one look at what is known of these numbers, one deletion per table of what is replaced, one COPY per table of what
is new. Straight COPY is twice as fast as a temporary table that is merged, and the first load is nearly all new.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import LiteralString, NamedTuple
from uuid import UUID, uuid4

import psycopg

from services.identity import plan
from services.identity.domain.lines import InstitutionLine, PersonLine
from services.identity.domain.manifest import Refused
from services.identity.register import rows
from services.runtime.transaction import Transaction

# One text instead of an array of ten thousand, which takes longer to send than to look up.
_GIVEN = "ANY(string_to_array(:cprs, ' '))"
_REGISTERED = f"SELECT cpr, current_cpr FROM person WHERE cpr = {_GIVEN}"
_IDENTITIES = f"SELECT number, pseudonym FROM identity WHERE kind = 'CPR' AND number = {_GIVEN}"
_LINKED = f"SELECT number FROM link WHERE kind = 'CPR' AND number = {_GIVEN}"
_SUCCESSORS = f"SELECT current_cpr FROM person WHERE current_cpr = {_GIVEN}"
_FORGET = (
    f"DELETE FROM person WHERE cpr = {_GIVEN}",
    f"DELETE FROM address WHERE cpr = {_GIVEN}",
    f"DELETE FROM parent WHERE cpr = {_GIVEN}",
    f"DELETE FROM custody WHERE cpr = {_GIVEN}",
)
_TOUCH = """
    INSERT INTO touched (kind, number) SELECT 'CPR', unnest(string_to_array(:cprs, ' '))
    ON CONFLICT (kind, number) DO UPDATE SET placed = false
"""


class Before(NamedTuple):
    """What was known: the successor of each number with a line, the pseudonym of each number, whom a clerk had linked."""

    successors: dict[str, str | None]
    pseudonyms: dict[str, UUID]
    linked: set[str]


class Merged(NamedTuple):
    """What a batch did: how many persons were not known before, and the pseudonyms of all that have one already."""

    added: int
    pseudonyms: list[UUID]


def merge(transaction: Transaction, persons: Mapping[str, PersonLine], *, at_once: bool) -> Merged:
    """Replace what is known of these persons, by number.

    New numbers get a pseudonym `at_once` where millions are new; else at the end of the file, where a new number can share that
    of the number which it replaces, wherever the two stand in the file.
    """
    plan.by_index(transaction)
    before = _before(transaction, _given(persons))
    registered = {"cprs": _given(before.successors)}
    for statement in _FORGET if before.successors else ():
        transaction.execute(statement, registered)
    _copy_persons(transaction, persons.values())
    touched = {cpr for cpr, line in persons.items() if line.current_cpr != before.successors.get(cpr)} | before.linked
    new = [cpr for cpr in persons if cpr not in before.pseudonyms and cpr not in touched]
    given = _give_pseudonyms(transaction, new) if at_once else {}
    touched.update(cpr for cpr in new if cpr not in given)
    if touched:
        transaction.execute(_TOUCH, {"cprs": _given(touched)})
    return Merged(len(persons) - len(before.successors), [*given.values(), *set(before.pseudonyms.values())])


def _given(cprs: Iterable[str]) -> str:
    return " ".join(cprs)


def _before(transaction: Transaction, cprs: str) -> Before:
    values = {"cprs": cprs}
    successors = dict(transaction.execute(_REGISTERED, values).tuples().all())
    pseudonyms = dict(transaction.execute(_IDENTITIES, values).tuples().all())
    return Before(successors, pseudonyms, set(transaction.execute(_LINKED, values).scalars()))


def _copy_persons(transaction: Transaction, persons: Collection[PersonLine]) -> None:
    copy(transaction, "COPY person FROM STDIN", rows.person_rows(persons))
    copy(transaction, "COPY address FROM STDIN", rows.address_rows(persons))
    copy(transaction, "COPY parent FROM STDIN", rows.parent_rows(persons))
    copy(transaction, "COPY custody FROM STDIN", rows.custody_rows(persons))


def _give_pseudonyms(transaction: Transaction, cprs: Collection[str]) -> dict[str, UUID]:
    """Pseudonyms for numbers that stand alone; a number that another one leads to waits for the end of the file."""
    successors = set(transaction.execute(_SUCCESSORS, {"cprs": _given(cprs)}).scalars())
    given = {cpr: uuid4() for cpr in cprs if cpr not in successors}
    copy(transaction, "COPY identity (kind, number, pseudonym) FROM STDIN", rows.identity_rows(given))
    return given


def copy(transaction: Transaction, statement: LiteralString, text: str) -> None:
    """COPY rows in text format. Raises Refused when the database does not take the rows; that it went away is passed on.

    The driver's own errors do not pass through SQLAlchemy here, and their messages quote rows.
    """
    if not text:
        return
    try:
        with transaction.driver.cursor() as cursor, cursor.copy(statement) as stream:
            stream.write(text)
    except psycopg.OperationalError:
        raise  # the database went away: the runtime knows that it may come back
    except psycopg.Error as error:
        raise Refused("load_failed", error.sqlstate) from None


def replace_institutions(transaction: Transaction, places: Iterable[Collection[InstitutionLine]]) -> None:
    """Replace the list of institutions and shelters by these batches."""
    transaction.execute("DELETE FROM institution")
    for batch in places:
        copy(transaction, "COPY institution FROM STDIN", rows.institution_rows(batch))
