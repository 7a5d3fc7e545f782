"""The acting municipality (*handlekommune*) of a child, under whichever of its pseudonyms an operator has set it.

A child may get another pseudonym (a changed number, a link). Its case stays, and so do the deliveries that tell the earlier ones.
"""

from uuid import UUID

import msgspec

from events.decision import Decision
from events.delivery import Delivery
from services.delivery import store
from services.runtime.transaction import Transaction

_OF_CASE = "SELECT document FROM delivery WHERE case_id = :case ORDER BY changed_at DESC, notification_id"


def acting(transaction: Transaction, decision: Decision) -> dict[UUID, str]:
    """Who acts for the decision's child: as set for itself, else for one that the case was about before, the newest first."""
    documents = transaction.execute(_OF_CASE, {"case": decision.case_id}).scalars()
    earlier = [msgspec.json.decode(each, type=Delivery).child for each in documents]
    found = [code for child in (decision.child, *earlier) for code in store.acting(transaction, child).values()]
    return {decision.child: found[0]} if found else {}
