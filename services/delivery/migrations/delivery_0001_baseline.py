"""The tables of delivery as they were when migrations began."""

from alembic import op

revision = "delivery_0001"
down_revision = None

TABLES = """
CREATE TABLE acting (
    child UUID NOT NULL,
    municipality TEXT NOT NULL,
    PRIMARY KEY (child)
);
CREATE TABLE brake (
    name TEXT NOT NULL,
    stopped BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (name)
);
CREATE TABLE delivery (
    notification_id UUID NOT NULL,
    draft_id UUID NOT NULL,
    draft_version BIGINT NOT NULL,
    case_id UUID NOT NULL,
    week TEXT NOT NULL,
    state TEXT NOT NULL,
    municipality TEXT,
    version BIGINT NOT NULL,
    document BYTEA NOT NULL,
    message_id UUID,
    corrects UUID,
    digest TEXT NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (notification_id),
    UNIQUE (draft_id, draft_version),
    UNIQUE (message_id)
);
CREATE TABLE feed (
    municipality TEXT NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (municipality)
);
CREATE TABLE message (
    municipality TEXT NOT NULL,
    cursor BIGINT NOT NULL,
    message_id UUID NOT NULL,
    document BYTEA NOT NULL,
    offers BIGINT DEFAULT '1' NOT NULL,
    offered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (municipality, cursor),
    UNIQUE (message_id)
);
CREATE TABLE newest_draft (
    case_id UUID NOT NULL,
    draft_id UUID NOT NULL,
    version BIGINT NOT NULL,
    open BOOLEAN NOT NULL,
    PRIMARY KEY (case_id)
);
CREATE TABLE receipt (
    receipt_id UUID NOT NULL,
    message_id UUID NOT NULL,
    document BYTEA NOT NULL,
    arrived_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (receipt_id)
);
"""


def upgrade() -> None:
    """Make them."""
    op.execute(TABLES)
