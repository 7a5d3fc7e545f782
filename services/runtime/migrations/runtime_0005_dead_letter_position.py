"""Two dead letters may have the same position, so the constraint against it goes.

The version before names this constraint when it sets a message aside: it must not serve any more. That version was never in
production, so the release that the rule asks for between adding and taking away is left out, once.
"""

from alembic import op

revision = "runtime_0005"
down_revision = "runtime_0004"
contract = True


def upgrade() -> None:
    """Take it away."""
    op.execute("ALTER TABLE dead_letter DROP CONSTRAINT dead_letter_topic_partition_position_key")
