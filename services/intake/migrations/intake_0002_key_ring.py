"""Which ring of keys the records' journal numbers are hashed under."""

from alembic import op

revision = "intake_0002"
down_revision = "intake_0001"

TABLE = """
CREATE TABLE key_ring (
    id SMALLINT NOT NULL,
    fingerprint TEXT NOT NULL,
    PRIMARY KEY (id),
    CHECK (id = 1)
)
"""


def upgrade() -> None:
    """Make it."""
    op.execute(TABLE)
