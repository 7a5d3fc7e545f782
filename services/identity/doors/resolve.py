"""`/resolve`: the pseudonym of a number. Whoever the register does not know gets one too, and waits (visibly, `/waiting`)."""

from typing import Any
from uuid import UUID

from events.http.identity import ResolveAnswer, Resolved, ResolveRequest
from services.identity.groups import give_out, lock_for_giving
from services.runtime.transaction import Transaction

_ASKED = "unnest(CAST(:kinds AS text[]), CAST(:numbers AS text[]))"
# In order, so that two copies that ask for the same numbers wait for each other instead of both for ever.
_GIVE = f"""
    INSERT INTO identity (kind, number, pseudonym)
    SELECT kind, number, gen_random_uuid() FROM (SELECT DISTINCT kind, number FROM {_ASKED} AS asked (kind, number)) AS asked
    WHERE NOT EXISTS (SELECT FROM identity i WHERE i.kind = asked.kind AND i.number = asked.number)
    ORDER BY kind, number
    ON CONFLICT (kind, number) DO NOTHING
"""
_FIND = f"""
    SELECT i.pseudonym
    FROM {_ASKED} WITH ORDINALITY AS asked (kind, number, place) JOIN identity i USING (kind, number) ORDER BY place
"""
_STANDINGS = "SELECT pseudonym, standing FROM pseudonym WHERE pseudonym = ANY(:pseudonyms)"


def resolve(transaction: Transaction, request: ResolveRequest, actor: str) -> ResolveAnswer:
    """The pseudonyms of these identities, in order."""
    asked: dict[str, Any] = {
        "kinds": [each.kind for each in request.identities],
        "numbers": [each.number for each in request.identities],
    }
    lock_for_giving(transaction)
    transaction.execute(_GIVE, asked)
    found: list[UUID] = list(transaction.execute(_FIND, asked).scalars())
    subjects = sorted(set(found))
    give_out(transaction, subjects)
    standings = dict(transaction.execute(_STANDINGS, {"pseudonyms": subjects}).tuples().all())
    transaction.audit(
        "consultation", "resolve", purpose="intake", actor=actor, recipient="intake", subjects=subjects, identities=len(found)
    )
    return ResolveAnswer([Resolved(pseudonym, standings[pseudonym]) for pseudonym in found])
