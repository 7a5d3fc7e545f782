"""The tables of screening as they were when migrations began."""

from alembic import op

revision = "screening_0001"
down_revision = None

TABLES = """
CREATE TABLE alias (
    pseudonym UUID NOT NULL,
    canonical UUID NOT NULL,
    standing TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (pseudonym)
);
CREATE TABLE candidate (
    candidate_id UUID NOT NULL,
    run_id UUID NOT NULL,
    child UUID NOT NULL,
    district TEXT NOT NULL,
    payload BYTEA NOT NULL,
    PRIMARY KEY (candidate_id)
);
CREATE INDEX ix_candidate_run_id ON candidate (run_id);
CREATE TABLE catalogue_approval (
    catalogue_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    approved_at TIMESTAMP WITH TIME ZONE NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (catalogue_id, digest)
);
CREATE TABLE evidence (
    evidence_id UUID NOT NULL,
    version BIGINT NOT NULL,
    live BOOLEAN NOT NULL,
    tip UUID NOT NULL,
    person UUID NOT NULL,
    standing TEXT NOT NULL,
    district TEXT NOT NULL,
    registered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    occurred_on DATE NOT NULL,
    code TEXT NOT NULL,
    code_scheme TEXT NOT NULL,
    role TEXT NOT NULL,
    outcome TEXT NOT NULL,
    child_present BOOLEAN NOT NULL,
    state UUID NOT NULL,
    merged_into UUID,
    touched BOOLEAN DEFAULT 'true' NOT NULL,
    covered_by UUID,
    covered_state UUID,
    covered_person UUID,
    announced BIGINT DEFAULT '0' NOT NULL,
    PRIMARY KEY (evidence_id)
);
CREATE INDEX evidence_merged ON evidence (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX evidence_touched ON evidence (evidence_id) WHERE touched;
CREATE INDEX ix_evidence_person ON evidence (person);
CREATE TABLE extract (
    district TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    covers_until TIMESTAMP WITH TIME ZONE NOT NULL,
    through BIGINT[] NOT NULL,
    PRIMARY KEY (district, sequence)
);
CREATE TABLE fate (
    record_id UUID NOT NULL,
    run_id UUID NOT NULL,
    fate TEXT NOT NULL,
    PRIMARY KEY (record_id)
);
CREATE TABLE record (
    record_id UUID NOT NULL,
    version BIGINT NOT NULL,
    extract_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    status TEXT NOT NULL,
    supersedes UUID,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    place TEXT,
    evidence_id UUID NOT NULL,
    person UUID NOT NULL,
    standing TEXT NOT NULL,
    district TEXT NOT NULL,
    registered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    occurred_on DATE NOT NULL,
    code TEXT NOT NULL,
    code_scheme TEXT NOT NULL,
    role TEXT NOT NULL,
    outcome TEXT NOT NULL,
    child_present BOOLEAN NOT NULL,
    PRIMARY KEY (record_id)
);
CREATE INDEX ix_record_person ON record (person);
CREATE INDEX record_grouped ON record (evidence_id) WHERE evidence_id <> record_id;
CREATE INDEX record_supersedes ON record (supersedes) WHERE supersedes IS NOT NULL;
CREATE TABLE run (
    run_id UUID NOT NULL,
    week TEXT NOT NULL,
    version SMALLINT NOT NULL,
    status TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    catalogue TEXT NOT NULL,
    catalogue_digest TEXT NOT NULL,
    register_version BIGINT NOT NULL,
    alias_version BIGINT NOT NULL,
    missing_districts TEXT[] NOT NULL,
    requested_by TEXT NOT NULL,
    evidence INTEGER NOT NULL,
    brake_reasons TEXT[] NOT NULL,
    released_by TEXT,
    released_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (run_id),
    UNIQUE (week)
);
CREATE TABLE run_adult (
    run_id UUID NOT NULL,
    person UUID NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (run_id, person)
);
"""


def upgrade() -> None:
    """Make them."""
    op.execute(TABLES)
