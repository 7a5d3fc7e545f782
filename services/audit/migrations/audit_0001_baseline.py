"""The tables of audit as they were when migrations began."""

from alembic import op

revision = "audit_0001"
down_revision = None

TABLES = """
CREATE TABLE alias (
    pseudonym UUID NOT NULL,
    canonical UUID NOT NULL,
    PRIMARY KEY (pseudonym)
);
CREATE INDEX ix_alias_canonical ON alias (canonical);
CREATE TABLE log (
    position BIGINT NOT NULL,
    source TEXT NOT NULL,
    number BIGINT NOT NULL,
    entry JSONB NOT NULL,
    chain BYTEA NOT NULL,
    subjects INTEGER GENERATED ALWAYS AS (jsonb_array_length(entry -> 'subjects')) STORED,
    verb TEXT GENERATED ALWAYS AS (entry ->> 'verb') STORED,
    actor TEXT GENERATED ALWAYS AS (entry ->> 'actor') STORED,
    at TEXT GENERATED ALWAYS AS (entry ->> 'at') STORED,
    week TEXT GENERATED ALWAYS AS (entry ->> 'week') STORED,
    municipality TEXT GENERATED ALWAYS AS (entry ->> 'municipality') STORED,
    case_id UUID GENERATED ALWAYS AS (CAST(entry ->> 'case_id' AS uuid)) STORED,
    run_id UUID GENERATED ALWAYS AS (CAST(entry ->> 'run_id' AS uuid)) STORED,
    PRIMARY KEY (position),
    UNIQUE (source, number)
);
CREATE INDEX ix_log_actor ON log (actor, position);
CREATE INDEX ix_log_at ON log (at, position);
CREATE INDEX ix_log_case_id ON log (case_id, position);
CREATE INDEX ix_log_municipality ON log (municipality, position);
CREATE INDEX ix_log_run_id ON log (run_id, position);
CREATE INDEX ix_log_verb ON log (verb, position);
CREATE INDEX ix_log_week ON log (week, position);
CREATE TABLE sequencer (
    id SMALLSERIAL NOT NULL,
    position BIGINT NOT NULL,
    chain BYTEA NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE source (
    source TEXT NOT NULL,
    appended BIGINT NOT NULL,
    PRIMARY KEY (source)
);
CREATE TABLE subject (
    person UUID NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (person, position)
);
CREATE TABLE waiting (
    source TEXT NOT NULL,
    number BIGINT NOT NULL,
    entry JSONB NOT NULL,
    PRIMARY KEY (source, number)
);
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'insufficient_privilege'; END $$;
CREATE OR REPLACE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON subject
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    """Make them."""
    op.execute(TABLES)
