"""Records with links: load whole groups, let the pure rule say what they are, and move evidence whose root has changed.

Two copies of the service must not group the same records at the same time, each blind to the other's: a batch without links
holds a shared lock, whoever groups (or moves aliases) the exclusive one, until commit.
"""

from collections.abc import Collection
from uuid import UUID

from services.runtime.transaction import Transaction
from services.screening.copying import copy
from services.screening.domain.chains import Link, pieces

_LOCK = "(hashtext(current_schema()), hashtext('evidence'))"
LOCK_SHARED = f"SELECT pg_advisory_xact_lock_shared{_LOCK}"
LOCK = f"SELECT pg_advisory_xact_lock{_LOCK}"

_FAMILY = """
    WITH RECURSIVE family (id) AS (
        SELECT unnest(CAST(:seeds AS uuid[]))
        UNION
        SELECT near.id FROM family CROSS JOIN LATERAL (
            SELECT r.supersedes FROM record r WHERE r.record_id = family.id AND r.supersedes IS NOT NULL
            UNION ALL SELECT r.record_id FROM record r WHERE r.supersedes = family.id
        ) AS near (id)
    )
    SELECT r.record_id, r.status = 'live' AS live, r.supersedes, r.registered_at, r.evidence_id
    FROM family JOIN record r ON r.record_id = family.id
"""
_ASSIGN = """
    UPDATE record r SET evidence_id = given.root
    FROM unnest(CAST(:records AS uuid[]), CAST(:roots AS uuid[])) AS given (id, root)
    WHERE r.record_id = given.id AND r.evidence_id <> given.root
"""
_KEPT = (
    "version, live, tip, person, standing, district, registered_at, occurred_on, code, code_scheme, role, outcome, "
    "child_present, state, covered_by, covered_state, covered_person"
)
_MOVED = "unnest(CAST(:old AS uuid[]), CAST(:new AS uuid[])) AS m (old, new)"
# The same event under an earlier root: what was covered stays covered, unless its facts are different now.
_INHERIT = f"""
    INSERT INTO evidence (evidence_id, {_KEPT})
    SELECT DISTINCT ON (m.new) m.new, {_KEPT} FROM {_MOVED} JOIN evidence e ON e.evidence_id = m.old
    ORDER BY m.new, e.evidence_id ON CONFLICT DO NOTHING
"""
_MERGE = f"""
    UPDATE evidence e SET merged_into = m.new, live = false, touched = false, version = version + 1, state = md5('merged')::uuid
    FROM {_MOVED} WHERE (e.evidence_id = m.old OR e.merged_into = m.old) AND e.evidence_id <> m.new
    RETURNING e.evidence_id, m.new, e.announced
"""


def regroup(transaction: Transaction, seeds: Collection[UUID]) -> list[UUID]:
    """Group everything linked to these records; the evidence that is touched goes to `touched`.

    Returns published evidence that has moved, with the evidence it has moved into.
    """
    transaction.execute(LOCK)
    rows = transaction.execute(_FAMILY, {"seeds": list(seeds)}).all()
    found = pieces(Link(row.record_id, row.live, row.supersedes, row.registered_at) for row in rows)
    kept = {each.evidence_id for each in found}
    # A record whose evidence another one has just left stands alone, and may be listed as such already.
    transaction.execute("DELETE FROM touched WHERE evidence_id = ANY(:found)", {"found": list(kept)})
    copy(transaction, "touched", ("evidence_id", "live", "tip"), [(each.evidence_id, each.live, each.tip) for each in found])
    roots = {member: each.evidence_id for each in found for member in each.members}
    transaction.execute(_ASSIGN, {"records": list(roots), "roots": list(roots.values())})
    moves: dict[UUID, UUID] = {}
    for row in rows:
        if row.evidence_id not in kept:
            target = roots[row.record_id]
            moves[row.evidence_id] = min(target, moves.get(row.evidence_id, target))
    return _move(transaction, moves) if moves else []


def _move(transaction: Transaction, moves: dict[UUID, UUID]) -> list[UUID]:
    values = {"old": list(moves), "new": list(moves.values())}
    transaction.execute(_INHERIT, values)
    merged = transaction.execute(_MERGE, values).all()
    return [each for row in merged if row.announced for each in (row.evidence_id, row.new)]
