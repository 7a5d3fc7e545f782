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
from services.delivery import store
from services.runtime.transaction import Transaction

_OF_CASE = "SELECT document FROM delivery WHERE case_id = :case ORDER BY changed_at DESC, notification_id"


def set_for_case(transaction: Transaction, decision: Decision) -> dict[UUID, str]:
    """What was set for the decision's child, and for whomever the case was about before, the newest first."""
    documents = transaction.execute(_OF_CASE, {"case": decision.case_id}).scalars()
    earlier = (msgspec.json.decode(each, type=Delivery).child for each in documents)
    children = dict.fromkeys([decision.child, *earlier])
    return {child: code for child in children for code in store.acting(transaction, child).values()}


def of_child(found: Mapping[UUID, str], child: ChildResidence, others: Iterable[ChildResidence]) -> dict[UUID, str]:
    """The first of these that is set for this very child, by its pseudonym of now."""
    same = [each.child for each in (child, *others) if each.canonical == child.canonical]
    codes = [code for pseudonym, code in found.items() if pseudonym in same]
    return {child.canonical: codes[0]} if codes else {}
