"""What the alarms keep: those that hold or held, when the scheduler last looked, how far each outbox was then."""

from alembic import op

revision = "screening_0002"
down_revision = "screening_0001"

TABLES = """
CREATE TABLE look (
    name TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    took_ms BIGINT NOT NULL,
    PRIMARY KEY (name)
);
CREATE TABLE alarm (
    id BIGSERIAL NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    level TEXT NOT NULL,
    amount BIGINT NOT NULL,
    detail TEXT NOT NULL,
    raised_at TIMESTAMP WITH TIME ZONE NOT NULL,
    escalated_at TIMESTAMP WITH TIME ZONE,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    cleared_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX alarm_open ON alarm (kind, subject) WHERE cleared_at IS NULL;
CREATE TABLE stall (
    place TEXT NOT NULL,
    published BIGINT NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (place)
)
"""


def upgrade() -> None:
    """Make them."""
    op.execute(TABLES)
