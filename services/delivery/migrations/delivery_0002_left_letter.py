"""Letters that left after the moment to which the database was restored."""

from alembic import op

revision = "delivery_0002"
down_revision = "delivery_0001"

TABLE = """
CREATE TABLE left_letter (
    message_id UUID NOT NULL,
    municipality TEXT NOT NULL,
    state TEXT NOT NULL,
    child TEXT[] NOT NULL,
    facts TEXT[] NOT NULL,
    document BYTEA NOT NULL,
    notification_id UUID,
    found_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (message_id)
)
"""


def upgrade() -> None:
    """Make it."""
    op.execute(TABLE)
