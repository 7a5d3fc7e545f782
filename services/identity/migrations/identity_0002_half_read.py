"""Of which deliveries the register holds something. The version before does not say it of what it reads, and opens the doors."""

from alembic import op

revision = "identity_0002"
down_revision = "identity_0001"


def upgrade() -> None:
    """Add the column; with a constant default it is but an entry in the catalogue."""
    op.execute("ALTER TABLE register_file ADD COLUMN begun BOOLEAN DEFAULT 'false' NOT NULL")
