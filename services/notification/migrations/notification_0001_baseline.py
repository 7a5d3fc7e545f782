"""The tables of notification as they were when migrations began."""

from alembic import op

revision = "notification_0001"
down_revision = None

TABLES = """
CREATE TABLE draft (
    draft_id UUID NOT NULL,
    case_id UUID NOT NULL,
    case_version INTEGER NOT NULL,
    child UUID NOT NULL,
    version INTEGER NOT NULL,
    week TEXT NOT NULL,
    asked BYTEA NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    decision_version INTEGER NOT NULL,
    letter_id UUID NOT NULL,
    content TEXT,
    digest TEXT NOT NULL,
    municipality TEXT,
    protected BOOLEAN NOT NULL,
    districts TEXT[] NOT NULL,
    left_out BYTEA NOT NULL,
    actor TEXT,
    automatic BOOLEAN NOT NULL,
    reason TEXT,
    decided_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (draft_id),
    CONSTRAINT draft_state CHECK (state IN ('composing', 'waiting', 'held', 'approved', 'rejected', 'withdrawn')),
    CONSTRAINT draft_has_text CHECK ((content IS NULL) = (state IN ('composing', 'withdrawn')))
);
CREATE INDEX draft_open ON draft (state) WHERE state IN ('composing', 'waiting', 'held');
CREATE INDEX ix_draft_case_id ON draft (case_id);
CREATE TABLE letter (
    draft_id UUID NOT NULL,
    version INTEGER NOT NULL,
    case_id UUID NOT NULL,
    child UUID NOT NULL,
    week TEXT NOT NULL,
    letter_id UUID NOT NULL,
    digest TEXT NOT NULL,
    content TEXT NOT NULL,
    told BYTEA NOT NULL,
    told_ids UUID[] NOT NULL,
    actor TEXT NOT NULL,
    automatic BOOLEAN NOT NULL,
    approved_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (draft_id, version),
    CONSTRAINT letter_digest CHECK (digest = encode(sha256(convert_to(content, 'UTF8')), 'hex')),
    UNIQUE (letter_id)
);
CREATE INDEX ix_letter_case_id ON letter (case_id);
CREATE INDEX letter_told ON letter USING gin (told_ids);
CREATE TABLE review (
    draft_id UUID NOT NULL,
    number INTEGER NOT NULL,
    version INTEGER NOT NULL,
    digest TEXT NOT NULL,
    action TEXT NOT NULL,
    reason TEXT,
    comment TEXT,
    evidence_id UUID,
    actor TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (draft_id, number)
);
CREATE OR REPLACE FUNCTION letter_is_frozen() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''an approved letter never changes'' USING ERRCODE = ''integrity_constraint_violation''; END';
CREATE TRIGGER letter_frozen BEFORE UPDATE ON letter FOR EACH ROW EXECUTE FUNCTION letter_is_frozen();
"""


def upgrade() -> None:
    """Make them."""
    op.execute(TABLES)
