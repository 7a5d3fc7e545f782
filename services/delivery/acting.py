"""The acting municipality (*handlekommune*) of a child, under whichever of its pseudonyms an operator has set it.

A child may get another pseudonym (a changed number, a link). Its case stays, and so do the deliveries that tell the earlier ones.
Whether they still are this child's, identity says: two children may have been taken for one, and parted again.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

import msgspec

from events.decision import Decision
from events.delivery import Delivery
from events.http.identity import ChildResidence
from services.runtime.transaction import Transaction

OF_CASE = "SELECT document FROM delivery WHERE case_id = :case ORDER BY changed_at DESC, notification_id"
_OF_CHILDREN = "SELECT child, municipality FROM acting WHERE child = ANY(:children)"
_SET = """
    INSERT INTO acting (child, municipality) VALUES (:child, :municipality)
    ON CONFLICT (child) DO UPDATE SET municipality = excluded.municipality
"""


def listed(transaction: Transaction) -> dict[UUID, str]:
    """All that are set."""
    return dict(transaction.execute("SELECT child, municipality FROM acting ORDER BY child").tuples().all())


def put(transaction: Transaction, child: UUID, municipality: str) -> None:
    """This municipality acts for the child from now on."""
    transaction.execute(_SET, {"child": child, "municipality": municipality})


def lift(transaction: Transaction, child: UUID) -> bool:
    """The register's municipality acts again; whether another one did."""
    return transaction.execute("DELETE FROM acting WHERE child = :child", {"child": child}).rowcount == 1


def set_for_case(transaction: Transaction, decision: Decision) -> dict[UUID, str]:
    """What was set for the decision's child, and for whomever the case was about before, the newest first."""
    documents = transaction.execute(OF_CASE, {"case": decision.case_id}).scalars()
    earlier = (msgspec.json.decode(each, type=Delivery).child for each in documents)
    children = list(dict.fromkeys([decision.child, *earlier]))
    found = dict(transaction.execute(_OF_CHILDREN, {"children": children}).tuples().all())
    return {child: found[child] for child in children if child in found}


def of_child(found: Mapping[UUID, str], child: ChildResidence, others: Iterable[ChildResidence]) -> dict[UUID, str]:
    """The first of these that is set for this very child, by its pseudonym of now."""
    same = [each.child for each in (child, *others) if each.canonical == child.canonical]
    codes = [code for pseudonym, code in found.items() if pseudonym in same]
    return {child.canonical: codes[0]} if codes else {}
