"""Moments as extracts write them."""

import re
from datetime import datetime

FIRST_YEAR, LAST_YEAR = 1900, 2199
"""Outside these a moment is a slip of the pen, and its conversions between zones may leave the calendar."""

_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|[+-][0-9]{2}:[0-9]{2})")


def moment(value: object) -> datetime:
    """An aware datetime from ISO 8601 to the second with UTC offset. Raises ValueError."""
    if not isinstance(value, str) or not _FORM.fullmatch(value):
        raise ValueError("not a moment")
    found = datetime.fromisoformat(value)
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError("not a moment of these centuries")
    return found
