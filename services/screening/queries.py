"""SQL of a run. Whatever grows with the country is one statement; Python sees adults whose rule is met and their evidence."""

from services.screening.evidence import FACTS

TABLES = {
    "considered": "evidence_id uuid PRIMARY KEY, version bigint, person uuid, live boolean, standing text, fresh boolean",
    "counting": "code_scheme text, code text, role text, outcome text, child_present boolean, valid_from date, valid_until date, "
    "PRIMARY KEY (code_scheme, code, role, outcome, child_present)",
    "member": "rule text, pieces integer, dates integer, since timestamptz, code_scheme text, code text",
    "piece": "evidence_id uuid, version bigint, person uuid, code_scheme text, code text, occurred_on date, "
    "registered_at timestamptz, fresh boolean, past boolean",
}
"""Temporary tables of one run: evidence looked at; what counts; the codes of each rule; counted evidence of the adults
(`past`: registered before the programme began, and not corrected since a run covered it).

The keys are for the planner: without them it takes five equal columns for five independent chances and joins row by row.
"""

# Fresh: its facts are not those that an earlier run has covered, or they were covered as somebody else's, or two pseudonyms that
# were covered apart are one person now (a mere new number is not). What was registered before the programme began and comes late
# is covered quietly, like the rest of the history, unless a run has covered something newer of that person without it: then they
# have never been looked at together. In the first run nothing can have been, and millions need not be looked up.
CONSIDER = """
    INSERT INTO considered
    SELECT e.evidence_id, e.version, e.person, e.live, e.standing, e.live AND e.standing = 'identified' AND CASE
        WHEN e.covered_state IS NULL AND e.registered_at < :begin THEN :start > :begin AND EXISTS (
            SELECT FROM evidence o
            WHERE o.person = e.person AND o.live AND o.covered_state IS NOT NULL AND o.registered_at >= :begin)
        ELSE e.covered_state IS DISTINCT FROM e.state OR e.covered_person <> e.person AND (
            NOT EXISTS (SELECT FROM alias a WHERE a.pseudonym = e.covered_person AND a.canonical = e.person) OR EXISTS (
            SELECT FROM evidence o WHERE o.person = e.person AND o.live AND o.covered_person <> e.covered_person)) END
    FROM evidence e WHERE e.touched AND e.merged_into IS NULL AND e.registered_at < :end
"""
_COUNTS = """
    c.code_scheme = e.code_scheme AND c.code = e.code AND c.role = e.role AND c.outcome = e.outcome
    AND c.child_present = e.child_present
    AND (c.valid_from IS NULL OR c.valid_from <= e.occurred_on) AND (c.valid_until IS NULL OR e.occurred_on <= c.valid_until)
"""
# All evidence of the adults first, and only then what of it counts: right after a load the planner has no statistics, takes every
# condition for rare, and would otherwise compare each adult with each piece of evidence.
COLLECT = f"""
    WITH known AS MATERIALIZED (
        SELECT e.* FROM (SELECT DISTINCT person FROM considered WHERE fresh) AS adult JOIN evidence e USING (person)
    )
    INSERT INTO piece
    SELECT e.evidence_id, e.version, e.person, e.code_scheme, e.code, e.occurred_on, e.registered_at,
        coalesce(k.fresh, false), e.registered_at < :begin AND coalesce(e.covered_state = e.state, true)
    FROM known e JOIN counting c ON {_COUNTS} LEFT JOIN considered k ON k.evidence_id = e.evidence_id
    WHERE e.live AND e.standing = 'identified' AND e.registered_at >= :since AND e.registered_at < :end
"""
ADULTS = """
    SELECT k.person, coalesce(bool_or(p.fresh), false) AS counted
    FROM considered k LEFT JOIN piece p ON p.evidence_id = k.evidence_id WHERE k.fresh GROUP BY k.person ORDER BY k.person
"""
# The past alone fires nothing, whenever it comes to light.
FIRED = """
    SELECT p.person, m.rule FROM piece p JOIN member m USING (code_scheme, code) WHERE p.registered_at >= m.since
    GROUP BY p.person, m.rule, m.pieces, m.dates
    HAVING count(*) >= m.pieces AND count(DISTINCT p.occurred_on) >= m.dates AND bool_or(p.fresh) AND NOT bool_and(p.past)
    ORDER BY p.person, m.rule
"""
TOLD = f"""
    SELECT p.evidence_id, e.version, e.live, {", ".join("e." + name for name in FACTS.split(", "))}, p.fresh,
        e.version = p.version AS same
    FROM piece p JOIN evidence e ON e.evidence_id = p.evidence_id
    WHERE p.person = ANY(:adults) ORDER BY e.occurred_on, e.registered_at, p.evidence_id
"""
_SETTLED = "NOT (k.live AND k.standing = 'waiting')"
TO_COVER = f"SELECT count(*) FROM considered k WHERE {_SETTLED}"
# What is nobody's is not covered as facts: whoever is identified after all is new then, or comes as late history.
COVER = f"""
    UPDATE evidence e SET touched = false, covered_by = :run, covered_person = e.person,
        covered_state = CASE WHEN e.standing = 'identified' THEN e.state END
    FROM considered k WHERE e.evidence_id = k.evidence_id AND e.version = k.version AND {_SETTLED}
"""
_OF_CONSIDERED = """
    SELECT r.* FROM considered k JOIN record r ON r.record_id = k.evidence_id AND r.evidence_id = k.evidence_id
    UNION ALL SELECT r.* FROM considered k JOIN record r ON r.evidence_id = k.evidence_id AND r.evidence_id <> r.record_id
"""
FATES = f"""
    INSERT INTO fate AS f (record_id, run_id, fate)
    SELECT r.record_id, :run, CASE
        WHEN r.status = 'withdrawn' THEN 'withdrawn' WHEN r.record_id <> e.tip THEN 'superseded'
        WHEN e.standing <> 'identified' THEN e.standing WHEN c.code IS NULL THEN 'not_counted' ELSE 'in_evidence' END
    FROM ({_OF_CONSIDERED}) AS r JOIN evidence e USING (evidence_id) LEFT JOIN counting c ON {_COUNTS}
    ON CONFLICT (record_id) DO UPDATE SET fate = excluded.fate WHERE f.fate <> excluded.fate
"""
ALIAS_VERSION = "SELECT coalesce(sum(version), 0)::bigint FROM alias"
USUAL = """
    SELECT r.run_id, coalesce(jsonb_object_agg(c.district, c.amount) FILTER (WHERE c.district IS NOT NULL), '{}') AS districts
    FROM (SELECT run_id FROM run WHERE status = 'finished' ORDER BY week DESC LIMIT :runs) AS r
    LEFT JOIN (SELECT run_id, district, count(*) AS amount FROM candidate GROUP BY 1, 2) AS c USING (run_id) GROUP BY r.run_id
"""
ADD_RUN = """
    INSERT INTO run (run_id, week, version, status, started_at, catalogue, catalogue_digest, register_version, alias_version,
        missing_districts, requested_by, evidence, brake_reasons)
    VALUES (:run_id, :week, 1, :status, :started_at, :catalogue, :catalogue_digest, :register_version,
        :alias_version, :missing_districts, :requested_by, :evidence, :brake_reasons)
"""
RUNS = """
    SELECT r.*, a.adults, a.rule_met, a.rule_not_met, a.no_child, a.tie_excluded,
        (SELECT count(*) FROM candidate c WHERE c.run_id = r.run_id) AS candidates
    FROM run r CROSS JOIN LATERAL (
        SELECT count(*) AS adults, count(*) FILTER (WHERE outcome = 'rule_met') AS rule_met,
            count(*) FILTER (WHERE outcome = 'rule_not_met') AS rule_not_met,
            count(*) FILTER (WHERE outcome = 'no_child') AS no_child,
            count(*) FILTER (WHERE outcome = 'tie_excluded') AS tie_excluded
        FROM run_adult WHERE run_id = r.run_id
    ) AS a
"""
