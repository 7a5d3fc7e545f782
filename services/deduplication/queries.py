"""Named queries of deduplication. Rows are locked in one order – persons, evidence, cases, each by id – so that copies of the
service never wait for each other in a circle.
"""

PERSONS = """
    INSERT INTO person AS p (pseudonym, canonical, version)
    SELECT given, given, 0 FROM unnest(CAST(:pseudonyms AS uuid[])) AS given ORDER BY given
    ON CONFLICT (pseudonym) DO UPDATE SET version = p.version RETURNING pseudonym, canonical
"""
"""Who these are now. The rows stay locked, so that an alias that arrives meanwhile waits and then finds our cases."""

ALIASES = """
    INSERT INTO person AS p (pseudonym, canonical, version)
    SELECT * FROM unnest(CAST(:pseudonyms AS uuid[]), CAST(:canonicals AS uuid[]), CAST(:versions AS bigint[]))
    ON CONFLICT (pseudonym) DO UPDATE SET canonical = excluded.canonical, version = excluded.version
    WHERE p.version < excluded.version
"""

MOVE_CASES = """
    UPDATE cases SET person = p.canonical FROM person p, cases old
    WHERE p.pseudonym = cases.child AND cases.child = ANY(:pseudonyms) AND old.case_id = cases.case_id
    RETURNING old.person AS before, cases.person AS after
"""

ABOUT_PERSONS = """
    SELECT DISTINCT cases.person FROM cases JOIN case_evidence USING (case_id)
    JOIN evidence e USING (evidence_id) WHERE e.person = ANY(:pseudonyms)
"""

EVIDENCE = """
    INSERT INTO evidence AS e (evidence_id, version, merged_into, week, person, item)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:merged AS uuid[]), CAST(:weeks AS text[]),
        CAST(:persons AS uuid[]), CAST(:items AS bytea[]))
    ON CONFLICT (evidence_id) DO UPDATE SET version = excluded.version, person = excluded.person, item = excluded.item,
        merged_into = CASE WHEN e.version < excluded.version THEN excluded.merged_into
            ELSE coalesce(e.merged_into, excluded.merged_into) END,
        week = CASE WHEN e.version < excluded.version THEN excluded.week ELSE least(e.week, excluded.week) END
    WHERE e.version <= excluded.version
"""
"""Higher version wins; of the same version, the event (which alone knows of mergers) adds to what a candidate carried."""

HOLD_MERGED = """
    WITH RECURSIVE reached AS (
        SELECT merged_into AS evidence_id FROM evidence WHERE evidence_id = ANY(:ids) AND merged_into IS NOT NULL
        UNION SELECT e.merged_into FROM reached JOIN evidence e USING (evidence_id) WHERE e.merged_into IS NOT NULL)
    SELECT 1 FROM evidence WHERE evidence_id IN (SELECT evidence_id FROM reached) ORDER BY evidence_id FOR SHARE
"""

OPEN_CASES = """
    INSERT INTO cases (case_id, child, person, state)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:children AS uuid[]), CAST(:children AS uuid[]), CAST(:states AS bytea[]))
    ON CONFLICT (child) DO NOTHING
"""

CHILDREN_WITH_CASE = "SELECT DISTINCT person FROM cases WHERE person = ANY(:persons)"

LINK = """
    INSERT INTO case_evidence (case_id, evidence_id)
    SELECT * FROM unnest(CAST(:cases AS uuid[]), CAST(:ids AS uuid[])) ON CONFLICT DO NOTHING
"""

LINK_MERGED = """
    WITH RECURSIVE reached AS (
        SELECT case_id, evidence_id FROM case_evidence WHERE case_id = ANY(:cases)
        UNION SELECT case_id, e.merged_into FROM reached JOIN evidence e USING (evidence_id) WHERE e.merged_into IS NOT NULL)
    INSERT INTO case_evidence (case_id, evidence_id) SELECT case_id, evidence_id FROM reached ON CONFLICT DO NOTHING
"""
"""A case that knows a merged piece must hear of every later version of what took its place."""

PERSONS_OF_EVIDENCE = """
    SELECT DISTINCT cases.person FROM cases JOIN case_evidence USING (case_id) WHERE evidence_id = ANY(:ids)
"""

PERSONS_OF_CASES = "SELECT case_id, person FROM cases WHERE case_id = ANY(:cases)"

LOCK_CASES = "SELECT person, state FROM cases WHERE person = ANY(:persons) ORDER BY case_id FOR UPDATE"

EVIDENCE_OF_CASES = """
    SELECT DISTINCT person, evidence_id, e.merged_into, e.week, e.item FROM case_evidence
    JOIN cases USING (case_id) JOIN LATERAL (
        SELECT merged_into, week, item FROM evidence WHERE evidence.evidence_id = case_evidence.evidence_id) AS e ON true
    WHERE case_id = ANY(:cases)
"""

ALIASES_OF = "SELECT pseudonym, canonical FROM person WHERE pseudonym = ANY(:pseudonyms) AND canonical <> pseudonym"

SAVE_CASES = """
    UPDATE cases SET state = given.state
    FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS bytea[])) AS given (case_id, state)
    WHERE cases.case_id = given.case_id
"""

SAVE_STATES = """
    UPDATE case_evidence SET state = given.state
    FROM unnest(CAST(:cases AS uuid[]), CAST(:ids AS uuid[]), CAST(:states AS text[])) AS given (case_id, evidence_id, state)
    WHERE case_evidence.case_id = given.case_id AND case_evidence.evidence_id = given.evidence_id
        AND case_evidence.state <> given.state
"""

SAVE_CANDIDATES = """
    INSERT INTO candidate (candidate_id, case_id, week, outcome, reason)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:cases AS uuid[]), CAST(:weeks AS text[]), CAST(:outcomes AS text[]),
        CAST(:reasons AS text[]))
    ON CONFLICT (candidate_id) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason
"""

SAVE_DRAFTS = """
    INSERT INTO draft (draft_id, case_id, week, kind)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:cases AS uuid[]), CAST(:weeks AS text[]), CAST(:kinds AS text[]))
    ON CONFLICT (draft_id) DO UPDATE SET week = excluded.week, kind = excluded.kind
"""

RUNS = """
    INSERT INTO run (week, run_id, found_at) VALUES (:week, :run_id, :now)
    ON CONFLICT (week) DO UPDATE SET run_id = excluded.run_id
"""
