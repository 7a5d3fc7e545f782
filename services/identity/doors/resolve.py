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
# A number that a clerk has linked keeps a pseudonym of its own: what is recorded under it goes with it when the link is undone.
_IDENTITY = """
    SELECT i.kind, i.number, i.borrowed, coalesce(CASE WHEN i.borrowed THEN (
        SELECT own.pseudonym FROM link JOIN pseudonym own USING (kind, number) WHERE kind = i.kind AND number = i.number
    ) END, i.pseudonym) AS pseudonym FROM identity i
"""
# Nearly every number asked for is its person's own and has a current line in the register: such a group needs no looking at, and
# its pseudonym is given out by the statement that finds it. Without a standing are those that `give_out` has to look at.
_FIND_AND_GIVE_OUT = f"""
    WITH found AS MATERIALIZED (
        SELECT asked.place, i.kind, i.number, i.pseudonym, s.standing, CASE WHEN s.pseudonym IS NULL AND NOT i.borrowed
            AND i.kind = 'CPR' THEN EXISTS (SELECT FROM person p WHERE p.cpr = i.number AND p.current_cpr IS NULL) END AS plain
        FROM {_ASKED} WITH ORDINALITY AS asked (kind, number, place) LEFT JOIN ({_IDENTITY}) AS i USING (kind, number)
        LEFT JOIN pseudonym s USING (pseudonym)
    ), given AS (
        INSERT INTO pseudonym (pseudonym, canonical, standing, kind, number, since)
        SELECT pseudonym, pseudonym, 'identified', kind, number, :now FROM found WHERE plain ORDER BY pseudonym
        ON CONFLICT (pseudonym) DO NOTHING
    )
    SELECT pseudonym, CASE WHEN plain THEN 'identified' ELSE standing END FROM found ORDER BY place
"""
_STANDINGS = "SELECT pseudonym, standing FROM pseudonym WHERE pseudonym = ANY(:pseudonyms)"


def resolve(transaction: Transaction, request: ResolveRequest, actor: str) -> ResolveAnswer:
    """The pseudonyms of these identities, in order."""
    asked: dict[str, Any] = {
        "kinds": [each.kind for each in request.identities],
        "numbers": [each.number for each in request.identities],
    }
    lock_for_giving(transaction)
    found, standings = _find(transaction, asked)
    if None in found:
        transaction.execute(_GIVE, asked)
        found, standings = _find(transaction, asked)
    if new := [pseudonym for pseudonym, standing in standings.items() if standing is None]:
        give_out(transaction, new)
        standings |= dict(transaction.execute(_STANDINGS, {"pseudonyms": new}).tuples().all())
    subjects = sorted(standings)
    transaction.audit(
        "consultation", "resolve", purpose="intake", actor=actor, recipient="intake", subjects=subjects, identities=len(found)
    )
    return ResolveAnswer([Resolved(pseudonym, standings[pseudonym]) for pseudonym in found])


def _find(transaction: Transaction, asked: dict[str, Any]) -> tuple[list[UUID], dict[UUID, Any]]:
    """The pseudonyms in order, and the standing of each; plain ones are given out."""
    rows = transaction.execute(_FIND_AND_GIVE_OUT, {**asked, "now": transaction.now}).tuples().all()
    return [pseudonym for pseudonym, _ in rows], dict(rows)
