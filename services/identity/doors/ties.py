"""`/ties`: the children that are tied to these adults at a moment, on which bases, and how many were left out and why."""

from datetime import date

from events.http.identity import TiesAnswer, TiesRequest
from services.identity.domain.ages import last_day_before, latest_birth_of_age
from services.identity.domain.ties import Candidate, settle
from services.identity.groups import give_out, lock_for_giving
from services.identity.register.files import register_version
from services.runtime.transaction import Transaction

# Whoever is asked about may have several numbers, and the register may name any of them as the parent. A child has one line:
# that of its current number. Household: the adult's present line; somebody who is registered at the same place on the day.
_CANDIDATES = """
    WITH asked AS (
        SELECT adult, coalesce(s.canonical, adult) AS canonical
        FROM unnest(CAST(:adults AS uuid[])) AS given (adult) LEFT JOIN pseudonym s ON s.pseudonym = adult
    ), own AS (
        SELECT asked.*, i.number AS cpr FROM asked JOIN identity i ON i.pseudonym = asked.canonical AND i.kind = 'CPR'
    ), home AS (
        SELECT own.adult, own.canonical, a.municipality, a.road_code, a.house, a.floor, a.door, a.complete
        FROM own JOIN person me ON me.cpr = own.cpr AND me.current_cpr IS NULL AND me.birth_date <= :born_by
        JOIN address a ON a.cpr = own.cpr AND a.since <= :day AND :day < a.until AND a.house <> ''
    ), place AS (
        SELECT DISTINCT municipality, road_code, house, floor, door FROM home
    ), registered AS (
        SELECT p.*, a.complete, m.cpr, m.birth_date, m.status
        FROM place p JOIN address a USING (municipality, road_code, house, floor, door)
        JOIN person m ON m.cpr = a.cpr AND m.current_cpr IS NULL AND m.status = '01'
        WHERE a.since <= :day AND :day < a.until
    ), crowd AS (
        SELECT municipality, road_code, house, floor, door, count(DISTINCT cpr) FILTER (WHERE birth_date <= :born_by) AS adults,
            EXISTS (SELECT FROM institution i WHERE i.municipality = r.municipality AND i.road_code = r.road_code
                AND i.house = r.house AND (i.floor, i.door) IN (('', ''), (r.floor, r.door))) AS institution
        FROM registered r GROUP BY municipality, road_code, house, floor, door
    ), found AS (
        SELECT own.adult, own.canonical, 'parent' AS basis, p.cpr, true AS valid, true AS complete, false AS institution,
            0 AS adults
        FROM own JOIN parent p ON p.parent = own.cpr
        UNION ALL
        SELECT own.adult, own.canonical, 'custody', c.cpr, c.since <= :day AND :day < c.until, true, false, 0
        FROM own JOIN custody c ON c.holder = own.cpr
        UNION ALL
        SELECT h.adult, h.canonical, 'household', r.cpr, true, h.complete AND r.complete, crowd.institution, crowd.adults
        FROM home h
        JOIN registered r USING (municipality, road_code, house, floor, door)
        JOIN crowd USING (municipality, road_code, house, floor, door)
        WHERE r.birth_date > :born_by
    )
    SELECT found.adult, i.pseudonym AS child, found.basis, child.birth_date, child.status, found.valid, found.complete,
        found.institution, found.adults
    FROM found
    JOIN person child ON child.cpr = found.cpr AND child.current_cpr IS NULL
    JOIN identity i ON i.kind = 'CPR' AND i.number = found.cpr AND i.pseudonym <> found.canonical
"""


def ties(transaction: Transaction, request: TiesRequest, actor: str) -> TiesAnswer:
    """All ties of these adults at the last instant before the moment asked about."""
    day: date = last_day_before(request.at)
    lock_for_giving(transaction)
    values = {"adults": sorted(set(request.adults)), "day": day, "born_by": latest_birth_of_age(day)}
    found, excluded = settle((Candidate(*row) for row in transaction.execute(_CANDIDATES, values)), day)
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
        subjects=sorted(set(request.adults) | children),
        adults=len(request.adults),
        ties=len(found),
    )
    return TiesAnswer(register_version(transaction), found, excluded)
