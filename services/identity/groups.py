"""Who is one person with whom, in the database: placing numbers into groups, and telling those who hold a pseudonym.

A pseudonym that a door has given out is remembered in `pseudonym`; when its state changes afterwards, the new state is
published on `identity.alias.v1` with the next version. Whoever changes groups locks the table against whoever gives out.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

from events import topics
from events.alias import Alias
from services.identity import plan
from services.identity.domain.grouping import Member, Number, place
from services.runtime.transaction import Transaction

PLACED_AT_ONCE = 5_000
"""Numbers per transaction, with their groups: a few megabytes of memory."""
TOLD_AT_ONCE = 10_000
"""Alias events per transaction: some 8 MB in the outbox."""
PURPOSE = "identification"

_LOCK_CHANGING = "LOCK TABLE pseudonym IN SHARE ROW EXCLUSIVE MODE"
_LOCK_GIVING = "LOCK TABLE pseudonym IN ROW EXCLUSIVE MODE"

# A pseudonym is identified when its group's current number has a line in the register.
KNOWN = """EXISTS (
    SELECT FROM identity k JOIN person p ON p.cpr = k.number AND p.current_cpr IS NULL
    WHERE k.pseudonym = {pseudonym})"""

_MEMBERS = """
    WITH RECURSIVE member (kind, number) AS (
        SELECT kind COLLATE "C", number COLLATE "C"
        FROM unnest(CAST(:kinds AS text[]), CAST(:numbers AS text[])) AS seed (kind, number)
        UNION
        SELECT next.kind, next.number FROM member m CROSS JOIN LATERAL (
            SELECT 'CPR' COLLATE "C" AS kind, current_cpr AS number FROM person
                WHERE m.kind = 'CPR' AND cpr = m.number AND current_cpr IS NOT NULL
            UNION ALL SELECT 'CPR', cpr FROM person WHERE m.kind = 'CPR' AND current_cpr = m.number
            UNION ALL SELECT 'CPR', cpr FROM link WHERE kind = m.kind AND number = m.number
            UNION ALL SELECT kind, number FROM link WHERE m.kind = 'CPR' AND cpr = m.number
            UNION ALL SELECT j.kind, j.number FROM identity i JOIN identity j USING (pseudonym)
                WHERE i.kind = m.kind AND i.number = m.number
        ) AS next
    )
    SELECT m.kind, m.number, CASE WHEN p.cpr IS NULL THEN l.cpr ELSE p.current_cpr END AS successor,
        i.pseudonym, coalesce(i.borrowed, false) AS borrowed, s.pseudonym AS handed_out
    FROM member m
    LEFT JOIN person p ON m.kind = 'CPR' AND p.cpr = m.number
    LEFT JOIN link l ON l.kind = m.kind AND l.number = m.number
    LEFT JOIN identity i ON i.kind = m.kind AND i.number = m.number
    LEFT JOIN pseudonym s ON s.kind = m.kind AND s.number = m.number
"""
_PLACE = """
    INSERT INTO identity AS i (kind, number, pseudonym, borrowed)
    SELECT * FROM unnest(
        CAST(:kinds AS text[]), CAST(:numbers AS text[]), CAST(:pseudonyms AS uuid[]), CAST(:borrowed AS boolean[]))
    ON CONFLICT (kind, number) DO UPDATE SET pseudonym = excluded.pseudonym, borrowed = excluded.borrowed
    WHERE (i.pseudonym, i.borrowed) IS DISTINCT FROM (excluded.pseudonym, excluded.borrowed)
"""
_TOUCHED = "SELECT kind, number FROM touched WHERE NOT placed LIMIT :limit"
_TOUCHED_PSEUDONYMS = "SELECT DISTINCT i.pseudonym FROM touched JOIN identity i USING (kind, number)"
_PLACED = """
    INSERT INTO touched (kind, number, placed)
    SELECT kind, number, true FROM unnest(CAST(:kinds AS text[]), CAST(:numbers AS text[])) AS member (kind, number)
    ON CONFLICT (kind, number) DO UPDATE SET placed = true
"""
_CHANGE = f"""
    WITH chosen AS ({{chosen}}), state AS (
        SELECT s.pseudonym, i.pseudonym AS canonical, CASE
            WHEN {KNOWN.format(pseudonym="i.pseudonym")} THEN 'identified'
            WHEN s.standing = 'unidentifiable' THEN 'unidentifiable' ELSE 'waiting' END AS standing
        FROM chosen JOIN pseudonym s USING (kind, number) JOIN identity i USING (kind, number)
    ), news AS (
        SELECT state.* FROM state JOIN pseudonym s USING (pseudonym)
        WHERE (s.canonical, s.standing) IS DISTINCT FROM (state.canonical, state.standing) LIMIT {TOLD_AT_ONCE}
    )
    UPDATE pseudonym s SET canonical = news.canonical, standing = news.standing, version = s.version + 1,
        reason = CASE WHEN news.standing = 'unidentifiable' THEN s.reason END
    FROM news WHERE s.pseudonym = news.pseudonym
    RETURNING s.pseudonym, s.canonical, s.standing, s.version
"""
_CHANGE_NUMBERS = _CHANGE.format(
    chosen="SELECT kind, number FROM unnest(CAST(:kinds AS text[]), CAST(:numbers AS text[])) AS given (kind, number)"
)
# Whoever waits may have got a line, whether or not a chain was touched.
_CHANGE_TOUCHED = _CHANGE.format(
    chosen="SELECT kind, number FROM touched UNION SELECT kind, number FROM pseudonym WHERE standing <> 'identified'"
)
_GIVE_OUT = f"""
    INSERT INTO pseudonym (pseudonym, canonical, standing, kind, number, since)
    SELECT given.pseudonym, given.pseudonym,
        CASE WHEN {KNOWN.format(pseudonym="given.pseudonym")} THEN 'identified' ELSE 'waiting' END, i.kind, i.number, :now
    FROM (SELECT DISTINCT unnest(CAST(:pseudonyms AS uuid[])) AS pseudonym) AS given
    JOIN identity i ON i.pseudonym = given.pseudonym AND NOT i.borrowed
    WHERE NOT EXISTS (SELECT FROM pseudonym s WHERE s.pseudonym = given.pseudonym)
    ORDER BY given.pseudonym
    ON CONFLICT (pseudonym) DO NOTHING
"""


def lock_for_giving(transaction: Transaction) -> None:
    """Before reading what is then given out: no group changes until this transaction ends."""
    plan.by_index(transaction)
    transaction.execute(_LOCK_GIVING)


def lock_for_changing(transaction: Transaction) -> None:
    """Before changing groups: nothing is given out until this transaction ends."""
    plan.by_index(transaction)
    transaction.execute(_LOCK_CHANGING)


def give_out(transaction: Transaction, pseudonyms: Iterable[UUID | None]) -> None:
    """Remember that somebody outside holds these (canonical) pseudonyms from now on."""
    transaction.execute(_GIVE_OUT, {"pseudonyms": list(pseudonyms), "now": transaction.now})


def regroup(transaction: Transaction, numbers: Iterable[Number]) -> list[Number]:
    """Place these numbers, and everybody who is or was one person with them, anew; all numbers concerned."""
    rows = transaction.execute(_MEMBERS, _columns(numbers)).all()
    members = [
        Member(
            (row.kind, row.number), ("CPR", row.successor) if row.successor else None, row.pseudonym, row.borrowed, row.handed_out
        )
        for row in rows
    ]
    placed = place(members, uuid4)
    now = {each.number: each.pseudonym for each in placed}
    # A pseudonym that loses its place stands in the audit log at least: it is remembered, and its change will be told.
    give_out(transaction, [each.own for each in members if not each.borrowed and each.own not in (None, now[each.number])])
    values: dict[str, Any] = {"pseudonyms": [each.pseudonym for each in placed], "borrowed": [each.borrowed for each in placed]}
    transaction.execute(_PLACE, _columns(each.number for each in placed) | values)
    return [member.number for member in members]


def tell(transaction: Transaction, numbers: Iterable[Number], correlation: str) -> int:
    """Publish what has changed about the pseudonyms of these numbers; how many."""
    return _publish(transaction, _CHANGE_NUMBERS, _columns(numbers), correlation)


def publish(transaction: Transaction, alias: Alias, version: int, correlation: str) -> None:
    """Publish the state of one pseudonym."""
    transaction.publish(topics.ALIAS, str(alias.pseudonym), version, alias, correlation)


def place_touched(transaction: Transaction) -> int:
    """Place some of the numbers that a file has touched; how many."""
    lock_for_changing(transaction)
    numbers = [(row.kind, row.number) for row in transaction.execute(_TOUCHED, {"limit": PLACED_AT_ONCE})]
    if numbers:
        transaction.execute(_PLACED, _columns(set(regroup(transaction, numbers)) | set(numbers)))
    return len(numbers)


def tell_touched(transaction: Transaction, correlation: str) -> int:
    """Publish some of what has changed by a file; how many."""
    lock_for_changing(transaction)
    return _publish(transaction, _CHANGE_TOUCHED, {}, correlation)


def forget_touched(transaction: Transaction) -> list[UUID]:
    """The file is at its end; the pseudonyms of the numbers that it had touched."""
    plan.by_index(transaction)
    pseudonyms = list(transaction.execute(_TOUCHED_PSEUDONYMS).scalars())
    transaction.execute("DELETE FROM touched")
    return pseudonyms


def _publish(transaction: Transaction, statement: str, values: dict[str, Any], correlation: str) -> int:
    rows = transaction.execute(statement, values).all()
    for row in rows:
        publish(transaction, Alias(row.pseudonym, row.canonical, row.standing), row.version, correlation)
    if rows:
        # Holders now meet the canonical pseudonym too: they must hear of it when it changes in its turn.
        give_out(transaction, {row.canonical for row in rows})
        subjects = sorted({row.pseudonym for row in rows} | {row.canonical for row in rows})
        transaction.audit("alteration", "aliases_changed", purpose=PURPOSE, subjects=subjects, aliases=len(rows))
    return len(rows)


def _columns(numbers: Iterable[Number]) -> dict[str, Any]:
    pairs = list(numbers)
    return {"kinds": [kind for kind, _ in pairs], "numbers": [number for _, number in pairs]}
