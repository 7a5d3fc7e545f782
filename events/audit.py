"""`audit.<service>.v1`: what a service did with persons' data – the six verbs and the fields the law asks to be logged.

Source: directive (EU) 2016/680 (law enforcement directive) article 25: collection, alteration, consultation, disclosure
including transfers, combination and erasure, with justification, date and time, person and recipient.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

Verb = Literal["collection", "alteration", "consultation", "disclosure", "combination", "erasure"]


class AuditEntry(msgspec.Struct, frozen=True):
    """One entry. Its number, gapless per source from 1, is the envelope's `position`. `subjects` are pseudonyms; `detail`
    holds codes and counts only, never a name, a number or typed text.
    """

    source: str
    verb: Verb
    action: str
    purpose: str
    actor: str
    at: datetime
    subjects: list[UUID]
    case_id: UUID | None = None
    run_id: UUID | None = None
    week: str | None = None
    municipality: str | None = None
    recipient: str | None = None
    detail: dict[str, str | int] = {}
