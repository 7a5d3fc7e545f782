"""The tables of intake as they were when migrations began."""

from alembic import op

revision = "intake_0001"
down_revision = None

TABLES = """
CREATE TABLE arrival (
    name TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'waiting', 'refused', 'accepted')),
    reason TEXT,
    field TEXT,
    district TEXT,
    sequence INTEGER,
    covers_until TIMESTAMP WITH TIME ZONE,
    week TEXT,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    repeats INTEGER DEFAULT '0' NOT NULL,
    PRIMARY KEY (name),
    CHECK ((state = 'refused') = (reason IS NOT NULL))
);
CREATE TABLE extract (
    extract_id TEXT NOT NULL,
    district TEXT NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence >= 1),
    covers_until TIMESTAMP WITH TIME ZONE NOT NULL,
    week TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    file TEXT,
    media_type TEXT NOT NULL,
    rows INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('reading', 'read')),
    fingerprint TEXT NOT NULL,
    next_offset BIGINT NOT NULL,
    lines_done BIGINT NOT NULL,
    rows_done INTEGER DEFAULT '0' NOT NULL,
    rows_new INTEGER DEFAULT '0' NOT NULL,
    rows_corrected INTEGER DEFAULT '0' NOT NULL,
    rows_withdrawn INTEGER DEFAULT '0' NOT NULL,
    rows_repeated INTEGER DEFAULT '0' NOT NULL,
    rows_stale INTEGER DEFAULT '0' NOT NULL,
    rows_quarantined INTEGER DEFAULT '0' NOT NULL,
    accepted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    read_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (extract_id),
    UNIQUE (district, sequence),
    CHECK (rows_done = rows_new + rows_corrected + rows_withdrawn + rows_repeated + rows_stale + rows_quarantined),
    CHECK (rows_done <= rows AND (state = 'reading' OR rows_done = rows))
);
CREATE TABLE record (
    key BYTEA NOT NULL,
    record_id UUID NOT NULL,
    version INTEGER NOT NULL,
    revision INTEGER,
    withdrawn BOOLEAN,
    content BYTEA,
    PRIMARY KEY (key),
    CHECK ((version = 0) = (revision IS NULL))
);
CREATE TABLE quarantine (
    extract_id TEXT NOT NULL,
    line BIGINT NOT NULL,
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    field TEXT,
    reason TEXT NOT NULL,
    PRIMARY KEY (extract_id, line),
    FOREIGN KEY(extract_id) REFERENCES extract (extract_id)
);
CREATE INDEX ix_quarantine_reason ON quarantine (reason);
"""


def upgrade() -> None:
    """Make them."""
    op.execute(TABLES)
