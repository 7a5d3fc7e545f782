"""`/ties`: the children that are tied to these adults at a moment, on which bases, and how many were left out and why.

In steps, each into a temporary table that is analysed, so that the next one is planned for what there is (see plan.py).
"""

from events.http.identity import TiesAnswer, TiesRequest
from services.identity import plan
from services.identity.domain.ages import last_day_before, latest_birth_of_age
from services.identity.domain.ties import Candidate, settle
from services.identity.groups import give_out
from services.identity.register.files import register_version
from services.runtime.transaction import Transaction

# Whoever is asked about may have several numbers, and the register may name any of them as the parent.
_OWN = """
    SELECT adult, i.pseudonym AS canonical, i.number AS cpr
    FROM unnest(CAST(:adults AS uuid[])) AS given (adult) LEFT JOIN pseudonym s ON s.pseudonym = adult
    JOIN identity i ON i.pseudonym = coalesce(s.canonical, adult)
"""
# Where those who are grown up are registered on the day.
_LIVES = """
    SELECT own.adult, own.canonical, a.home, a.complete
    FROM own JOIN person me ON me.cpr = own.cpr AND me.current_cpr IS NULL AND me.birth_date <= :born_by
    JOIN address a ON a.cpr = own.cpr AND a.since <= :day AND :day < a.until AND a.home IS NOT NULL
"""
# Who is registered at the same places on the day.
_REGISTERED = """
    SELECT a.home, a.complete, m.cpr, m.birth_date
    FROM (SELECT DISTINCT home FROM lives) AS place JOIN address a USING (home)
    JOIN person m ON m.cpr = a.cpr AND m.current_cpr IS NULL AND m.status = '01'
    WHERE a.since <= :day AND :day < a.until
"""
_PLACES = """
    SELECT home, count(DISTINCT cpr) FILTER (WHERE birth_date <= :born_by) AS adults, EXISTS (
        SELECT FROM institution i WHERE i.home IN (r.home, regexp_replace(r.home, '[^/]*/[^/]*$', '/'))) AS institution
    FROM registered r GROUP BY home
"""
_HOUSEHOLD = """
    SELECT l.adult, l.canonical, 'household' AS basis, r.cpr, true AS valid, l.complete AND r.complete AS complete,
        places.institution, places.adults
    FROM lives l JOIN registered r USING (home) JOIN places USING (home) WHERE r.birth_date > :born_by
"""
# A child has one line: that of its current number.
_CANDIDATES = """
    SELECT found.adult, i.pseudonym AS child, found.basis, child.birth_date, child.status, found.valid, found.complete,
        found.institution, found.adults
    FROM (
        SELECT own.adult, own.canonical, 'parent' AS basis, p.cpr, true AS valid, true AS complete, false AS institution,
            0 AS adults
        FROM own JOIN parent p ON p.parent = own.cpr
        UNION ALL
        SELECT own.adult, own.canonical, 'custody', c.cpr, c.since <= :day AND :day < c.until, true, false, 0
        FROM own JOIN custody c ON c.holder = own.cpr
        UNION ALL
        SELECT * FROM household
    ) AS found
    JOIN person child ON child.cpr = found.cpr AND child.current_cpr IS NULL
    JOIN identity i ON i.kind = 'CPR' AND i.number = found.cpr AND i.pseudonym <> found.canonical
"""
_STEPS = {"own": _OWN, "lives": _LIVES, "registered": _REGISTERED, "places": _PLACES, "household": _HOUSEHOLD}


def ties(transaction: Transaction, request: TiesRequest, actor: str) -> TiesAnswer:
    """All ties of these adults at the last instant before the moment asked about, in a transaction of `whole_register`."""
    day = last_day_before(request.at)
    adults = sorted(set(request.adults))
    values = {"adults": adults, "day": day, "born_by": latest_birth_of_age(day)}
    found, excluded = settle(_candidates(transaction, values), day)
    children = {tie.child for tie in found}
    give_out(transaction, children)
    transaction.audit(
        "consultation",
        "ties",
        purpose="screening",
        actor=actor,
        recipient="screening",
        run_id=request.run_id,
        week=request.week,
        subjects=sorted({*adults, *children}),
        adults=len(adults),
        ties=len(found),
    )
    return TiesAnswer(register_version(transaction), found, excluded)


def _candidates(transaction: Transaction, values: dict[str, object]) -> list[Candidate]:
    for name, query in _STEPS.items():
        if query is _HOUSEHOLD:
            plan.freely(transaction)
        transaction.execute(f"CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS {query}", values)
        transaction.execute(f"ANALYZE {name}")
    plan.by_index(transaction)
    return [Candidate(*row) for row in transaction.execute(_CANDIDATES, values)]
