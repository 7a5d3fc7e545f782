"""`intake.record.v1`: one party of one police record, without a name, a number or an address.

The key is the random record id that intake keeps for (journal number, party number).
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

Status = Literal["live", "withdrawn"]
Role = Literal["charged", "suspected", "victim", "witness", "reporter", "involved"]
"""Party roles: sigtet, mistænkt, forurettet, vidne, anmelder, involveret."""
Outcome = Literal["open", "charged", "convicted", "fined", "dropped", "acquitted", "none"]
"""What became of it: verserende, sigtelse, dom, bøde, påtaleopgivelse, frifindelse, ingen."""
Standing = Literal["identified", "waiting", "unidentifiable"]
"""Whether identity knows whom a pseudonym stands for."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One party of one record. `person` is a pseudonym; `place` a keyed hash, never text; times carry their UTC offset."""

    record_id: UUID
    extract_id: str
    revision: int
    status: Status
    supersedes: UUID | None
    district: str
    registered_at: datetime
    occurred_at: datetime
    code: str
    code_scheme: str
    person: UUID
    standing: Standing
    role: Role
    outcome: Outcome
    place: str | None
    child_present: bool
