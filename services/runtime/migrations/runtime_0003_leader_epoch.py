"""A place's leader epoch, by which a log that lost its tail is known. The version before leaves it at -1: unknown."""

from alembic import op

revision = "runtime_0003"
down_revision = "runtime_0002"


def upgrade() -> None:
    """Add the column; with a constant default it is but an entry in the catalogue."""
    op.execute("ALTER TABLE offsets ADD COLUMN leader_epoch INTEGER DEFAULT '-1' NOT NULL")
