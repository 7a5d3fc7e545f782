"""A row of a police extract, and what a planted row is expected to come to. See docs/extracts.md, sections 3
to 6.
"""

from typing import Literal

import msgspec

FateName = Literal["new", "repeated", "stale", "corrected", "withdrawn", "quarantined"]


class Row(msgspec.Struct, frozen=True):
    """The sixteen values in the order of the CSV header; moments are ISO text, as they are delivered."""

    journal_number: str
    party_number: int
    revision: int
    status: str
    superseded_journal_number: str | None
    district: str
    registered_at: str
    occurred_at: str
    code: str
    code_scheme: str
    identity_kind: str
    identity: str
    role: str
    outcome: str
    place: str | None
    child_present: bool


FIELDS: tuple[str, ...] = Row.__struct_fields__


class Fault(msgspec.Struct, frozen=True):
    """How a row is spoilt: `set` a field, leave it `absent`, add an `extra` one, make all `unreadable`."""

    how: Literal["set", "absent", "extra", "unreadable"]
    reason: str
    field: str | None = None
    value: str | int | None = None


class Planted(msgspec.Struct, frozen=True):
    """A row of a story: the week whose extract delivers it, and its expected fate."""

    week: int
    row: Row
    story: str
    fate: FateName = "new"
    fault: Fault | None = None
    reason: str | None = None
    field: str | None = None
