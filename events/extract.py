"""`intake.extract.v1`: one district's extract (*udtræk*) has been read to its end, or was refused whole.

`through` says up to which position of each partition of `intake.record.v1` its records were published, so that screening
can prove that all of them have arrived before it runs the week.
"""

from datetime import datetime

import msgspec


class RowCounts(msgspec.Struct, frozen=True):
    """Fates of the rows of one extract: rows = new + corrected + withdrawn + repeated + stale + quarantined."""

    rows: int = 0
    new: int = 0
    corrected: int = 0
    withdrawn: int = 0
    repeated: int = 0
    stale: int = 0
    quarantined: int = 0


class Extract(msgspec.Struct, frozen=True):
    """One read extract. `extract_id` is `<district>-<sequence>`; `covers_until` is the end of what it covers."""

    extract_id: str
    district: str
    sequence: int
    covers_until: datetime
    counts: RowCounts
    through: list[int]
