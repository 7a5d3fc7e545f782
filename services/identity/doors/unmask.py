"""`/unmask`: the names for one letter – the child, its parents by the register, the adults that the letter tells of.

The only place where names leave the vault. Logged as a consultation and as a disclosure, with case, purpose and everybody named.
"""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from litestar.exceptions import NotFoundException

from events.http.identity import AdultRelation, UnmaskAnswer, UnmaskedAdult, UnmaskedChild, UnmaskRequest
from events.weeks import danish_date
from services.identity.doors.people import Known, canonical, known
from services.runtime.transaction import Transaction

# A co-mother (*medmor*) stands in the father's place, and the register does not say that she is one: she is a parent.
_RELATIONS = """
    SELECT i.pseudonym, CASE WHEN (p.kind, a.sex) IN (('father', 'F'), ('mother', 'M')) THEN 'parent' ELSE p.kind END AS relation
        FROM parent p JOIN identity i ON i.kind = 'CPR' AND i.number = p.parent
        LEFT JOIN person before ON before.cpr = p.parent LEFT JOIN person a ON a.cpr = coalesce(before.current_cpr, p.parent)
        WHERE p.cpr = :cpr
    UNION SELECT i.pseudonym, 'custody_holder' FROM custody c
        JOIN identity i ON i.kind = 'CPR' AND i.number = c.holder WHERE c.cpr = :cpr AND c.since <= :day AND :day < c.until
    UNION SELECT i.pseudonym, 'household' FROM address mine
        JOIN address a USING (home)
        JOIN person p ON p.cpr = a.cpr AND p.current_cpr IS NULL AND p.status = '01'
        JOIN identity i ON i.kind = 'CPR' AND i.number = a.cpr
        WHERE mine.cpr = :cpr AND a.cpr <> :cpr AND mine.complete AND a.complete
            AND mine.since <= :day AND :day < mine.until AND a.since <= :day AND :day < a.until
            AND NOT EXISTS (SELECT FROM institution i WHERE i.home IN (a.home, regexp_replace(a.home, '[^/]*/[^/]*$', '/')))
"""
STRONGEST: tuple[AdultRelation, ...] = ("mother", "father", "parent", "custody_holder", "household", "none")
PARENTS: tuple[AdultRelation, ...] = ("mother", "father", "parent")


def unmask(transaction: Transaction, request: UnmaskRequest, actor: str) -> UnmaskAnswer:
    """Names as of now. Raises NotFoundException where the register knows the child or an adult no longer."""
    day = danish_date(transaction.now)
    people = known(transaction, [request.child, *request.adults], day)
    if missing := {request.child, *request.adults} - people.keys():
        raise NotFoundException(f"{len(missing)} of these pseudonyms stand for nobody whom the register knows now")
    child = people[request.child]
    relations = _relations(transaction, child, day)
    parents = _parents(transaction, relations, day)
    adults = [
        UnmaskedAdult(people[adult].canonical, people[adult].name, relations.get(people[adult].canonical, "none"))
        for adult in request.adults
    ]
    _audit(transaction, request, actor, [parent.pseudonym for parent in parents])
    named = UnmaskedChild(request.child, child.cpr, child.name, child.municipality, child.protected)
    return UnmaskAnswer(named, parents, adults)


def _relations(transaction: Transaction, child: Known, day: date) -> dict[UUID, AdultRelation]:
    found: dict[UUID, AdultRelation] = {}
    for row in transaction.execute(_RELATIONS, {"cpr": child.cpr, "day": day}):
        found[row.pseudonym] = min(row.relation, found.get(row.pseudonym, "none"), key=STRONGEST.index)
    return found


def _parents(transaction: Transaction, relations: dict[UUID, AdultRelation], day: date) -> list[UnmaskedAdult]:
    """Mother first. A parent who was asked for as an adult has the same pseudonym in both lists: the current one."""
    kinds = {parent: relation for parent, relation in relations.items() if relation in PARENTS}
    named = known(transaction, kinds, day)
    rows = [UnmaskedAdult(named[parent].canonical, named[parent].name, kinds[parent]) for parent in kinds if parent in named]
    return sorted(rows, key=lambda row: (STRONGEST.index(row.relation), row.pseudonym))


def _audit(transaction: Transaction, request: UnmaskRequest, actor: str, parents: Iterable[UUID]) -> None:
    subjects = sorted({request.child, *request.adults, *parents})
    everybody = sorted({*subjects, *canonical(transaction, subjects).values()})
    for verb in ("consultation", "disclosure"):
        transaction.audit(
            verb,
            "unmask",
            purpose=request.purpose,
            actor=actor,
            subjects=everybody,
            case_id=request.case_id,
            recipient="notification",
            persons=len(subjects),
        )
