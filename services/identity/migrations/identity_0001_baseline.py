"""The tables of identity as they were when migrations began."""

from alembic import op

revision = "identity_0001"
down_revision = None

TABLES = """
CREATE TABLE address (
    cpr TEXT COLLATE "C" NOT NULL,
    municipality TEXT COLLATE "C" NOT NULL,
    home TEXT COLLATE "C",
    complete BOOLEAN NOT NULL,
    since DATE NOT NULL,
    until DATE NOT NULL
);
CREATE INDEX ix_address_cpr ON address (cpr);
CREATE INDEX ix_address_home ON address (home);
CREATE TABLE custody (
    cpr TEXT COLLATE "C" NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    since DATE NOT NULL,
    until DATE NOT NULL
);
CREATE INDEX ix_custody_cpr ON custody (cpr);
CREATE INDEX ix_custody_holder ON custody (holder);
CREATE TABLE identity (
    kind TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    pseudonym UUID NOT NULL,
    borrowed BOOLEAN DEFAULT 'false' NOT NULL,
    PRIMARY KEY (kind, number)
);
CREATE INDEX ix_identity_pseudonym ON identity (pseudonym);
CREATE TABLE institution (
    home TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL
);
CREATE INDEX ix_institution_home ON institution (home);
CREATE TABLE link (
    kind TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    cpr TEXT COLLATE "C" NOT NULL,
    actor TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (kind, number)
);
CREATE INDEX ix_link_cpr ON link (cpr);
CREATE TABLE parent (
    cpr TEXT COLLATE "C" NOT NULL,
    parent TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL
);
CREATE INDEX ix_parent_cpr ON parent (cpr);
CREATE INDEX ix_parent_parent ON parent (parent);
CREATE TABLE person (
    cpr TEXT COLLATE "C" NOT NULL,
    current_cpr TEXT COLLATE "C",
    name TEXT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    status_since DATE NOT NULL,
    birth_date DATE NOT NULL,
    sex TEXT COLLATE "C" NOT NULL,
    protected BOOLEAN NOT NULL,
    PRIMARY KEY (cpr)
);
CREATE INDEX ix_person_current_cpr ON person (current_cpr) WHERE current_cpr IS NOT NULL;
CREATE TABLE pseudonym (
    pseudonym UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    canonical UUID NOT NULL,
    standing TEXT COLLATE "C" NOT NULL CHECK (standing IN ('identified', 'waiting', 'unidentifiable')),
    version BIGINT DEFAULT '0' NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    reason TEXT,
    PRIMARY KEY (pseudonym),
    UNIQUE (kind, number)
);
CREATE INDEX ix_pseudonym_open ON pseudonym (standing) WHERE standing <> 'identified';
CREATE TABLE quarantine (
    file BIGINT NOT NULL,
    line BIGINT NOT NULL,
    field TEXT,
    reason TEXT NOT NULL,
    PRIMARY KEY (file, line)
);
CREATE TABLE register_file (
    id BIGSERIAL NOT NULL,
    manifest TEXT NOT NULL,
    manifest_digest TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'refused', 'reading', 'read')),
    reason TEXT,
    field TEXT,
    kind TEXT,
    version_at TIMESTAMP WITH TIME ZONE,
    digest TEXT,
    data TEXT,
    data_fingerprint TEXT,
    rows INTEGER DEFAULT '0' NOT NULL,
    bytes_read BIGINT DEFAULT '0' NOT NULL,
    lines_read BIGINT DEFAULT '0' NOT NULL,
    loaded BIGINT DEFAULT '0' NOT NULL,
    added BIGINT DEFAULT '0' NOT NULL,
    quarantined BIGINT DEFAULT '0' NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    read_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    UNIQUE (manifest, manifest_digest)
);
CREATE UNIQUE INDEX ix_register_file_taken ON register_file (sequence) WHERE state IN ('reading', 'read');
CREATE TABLE touched (
    kind TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    placed BOOLEAN DEFAULT 'false' NOT NULL,
    PRIMARY KEY (kind, number)
);
"""


def upgrade() -> None:
    """Make them."""
    op.execute(TABLES)
