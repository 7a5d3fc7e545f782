"""The letters of one case are looked up before each of them leaves (see acting.py)."""

from services.runtime.indexes import create_concurrently

revision = "delivery_0003"
down_revision = "delivery_0002"


def upgrade() -> None:
    """Make the index for it."""
    create_concurrently("ix_delivery_case_id", "delivery", "case_id")
