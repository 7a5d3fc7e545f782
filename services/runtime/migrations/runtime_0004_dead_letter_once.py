"""A dead letter is known by its content: a broken message may have no position, or that of another."""

from services.runtime.indexes import create_concurrently

revision = "runtime_0004"
down_revision = "runtime_0003"


def upgrade() -> None:
    """Make the index that says so."""
    create_concurrently("dead_letter_once", "dead_letter", "topic, partition, sha256(payload)", unique=True)
