"""How far the clock of a lease's holder is ahead of the database's. The version before leaves it empty."""

from alembic import op

revision = "runtime_0002"
down_revision = "runtime_0001"


def upgrade() -> None:
    """Add the column; without a default it is but an entry in the catalogue."""
    op.execute("ALTER TABLE lease ADD COLUMN clock_ms BIGINT")
