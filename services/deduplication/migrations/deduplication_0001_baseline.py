"""The tables of deduplication as they were when migrations began."""

from alembic import op

revision = "deduplication_0001"
down_revision = None

TABLES = """
CREATE TABLE candidate (
    candidate_id UUID NOT NULL,
    case_id UUID NOT NULL,
    week TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT,
    PRIMARY KEY (candidate_id)
);
CREATE INDEX ix_candidate_week ON candidate (week);
CREATE TABLE case_evidence (
    evidence_id UUID NOT NULL,
    case_id UUID NOT NULL,
    state TEXT DEFAULT 'free' NOT NULL,
    PRIMARY KEY (evidence_id, case_id)
);
CREATE INDEX ix_case_evidence_case_id ON case_evidence (case_id);
COMMENT ON COLUMN case_evidence.state IS 'told-state, for operators and tests';
CREATE TABLE cases (
    case_id UUID NOT NULL,
    child UUID NOT NULL,
    person UUID NOT NULL,
    state BYTEA NOT NULL,
    PRIMARY KEY (case_id),
    UNIQUE (child)
);
CREATE INDEX ix_cases_person ON cases (person);
COMMENT ON COLUMN cases.child IS 'the pseudonym that it was opened with';
COMMENT ON COLUMN cases.person IS 'whose pseudonym that is now';
COMMENT ON COLUMN cases.state IS 'JSON of domain.facts.CaseState';
CREATE TABLE draft (
    draft_id UUID NOT NULL,
    case_id UUID NOT NULL,
    week TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (draft_id)
);
CREATE INDEX ix_draft_week ON draft (week);
CREATE TABLE evidence (
    evidence_id UUID NOT NULL,
    version BIGINT NOT NULL,
    merged_into UUID,
    week TEXT NOT NULL,
    person UUID NOT NULL,
    item BYTEA NOT NULL,
    PRIMARY KEY (evidence_id)
);
CREATE INDEX ix_evidence_person ON evidence (person);
COMMENT ON COLUMN evidence.week IS 'ISO week that brought this version';
COMMENT ON COLUMN evidence.item IS 'JSON of events.evidence.EvidenceItem';
CREATE TABLE person (
    pseudonym UUID NOT NULL,
    canonical UUID NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (pseudonym)
);
COMMENT ON COLUMN person.version IS 'of the alias event; 0 where none was met';
CREATE TABLE run (
    week TEXT NOT NULL,
    run_id UUID NOT NULL,
    found_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (week)
);
"""


def upgrade() -> None:
    """Make them."""
    op.execute(TABLES)
