"""The tables that every service has, as they were when migrations began."""

from alembic import op

revision = "runtime_0001"
down_revision = None

TABLES = """
CREATE TABLE applied (
    topic TEXT NOT NULL,
    key TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (topic, key)
);
CREATE TABLE dead_letter (
    id BIGSERIAL NOT NULL,
    origin TEXT NOT NULL,
    topic TEXT,
    partition SMALLINT,
    kafka_offset BIGINT,
    position BIGINT,
    key TEXT,
    payload BYTEA,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    redriven_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    UNIQUE (topic, partition, position)
);
CREATE TABLE lease (
    name TEXT NOT NULL,
    holder UUID NOT NULL,
    fence BIGINT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (name)
);
CREATE TABLE offsets (
    cluster TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition SMALLINT NOT NULL,
    next_offset BIGINT NOT NULL,
    attempts INTEGER DEFAULT '0' NOT NULL,
    PRIMARY KEY (cluster, topic, partition)
);
CREATE TABLE outbox (
    topic TEXT NOT NULL,
    partition SMALLINT NOT NULL,
    position BIGINT NOT NULL,
    key TEXT NOT NULL,
    payload BYTEA NOT NULL,
    PRIMARY KEY (topic, partition, position)
);
CREATE TABLE outbox_position (
    topic TEXT NOT NULL,
    partition SMALLINT NOT NULL,
    last BIGINT NOT NULL,
    published BIGINT DEFAULT '0' NOT NULL,
    PRIMARY KEY (topic, partition)
);
CREATE TABLE publication (
    cluster TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition SMALLINT NOT NULL,
    last_position BIGINT NOT NULL,
    first_position BIGINT NOT NULL,
    last_offset BIGINT NOT NULL,
    PRIMARY KEY (cluster, topic, partition, last_position)
);
CREATE TABLE received (
    topic TEXT NOT NULL,
    partition SMALLINT NOT NULL,
    seen INT8MULTIRANGE NOT NULL,
    stale BIGINT DEFAULT '0' NOT NULL,
    PRIMARY KEY (topic, partition)
);
CREATE TABLE work (
    id BIGSERIAL NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    lane TEXT DEFAULT '' NOT NULL,
    payload BYTEA NOT NULL,
    revision BIGINT DEFAULT '1' NOT NULL,
    claimed BOOLEAN DEFAULT 'false' NOT NULL,
    crashes INTEGER DEFAULT '0' NOT NULL,
    attempts INTEGER DEFAULT '0' NOT NULL,
    next_attempt_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_error TEXT,
    PRIMARY KEY (id),
    UNIQUE (kind, key)
);
CREATE INDEX ix_work_next_attempt_at ON work (next_attempt_at);
"""


def upgrade() -> None:
    """Make them."""
    op.execute(TABLES)
