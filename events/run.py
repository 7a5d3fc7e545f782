"""`screening.run.v1`: the state of one weekly run (*ugentlig søgning*), unique per programme and ISO week."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

RunStatus = Literal["braked", "finished"]


class RunCounts(msgspec.Struct, frozen=True):
    """Adults with fresh evidence = rule_met + rule_not_met + no_child + tie_excluded; and what came of it."""

    evidence: int = 0
    adults: int = 0
    rule_met: int = 0
    rule_not_met: int = 0
    no_child: int = 0
    tie_excluded: int = 0
    candidates: int = 0


class Run(msgspec.Struct, frozen=True):
    """One weekly run; `week` is ISO such as 2026-W40, `catalogue` the id and `catalogue_digest` what was approved."""

    run_id: UUID
    week: str
    status: RunStatus
    started_at: datetime
    catalogue: str
    catalogue_digest: str
    register_version: int
    alias_version: int
    missing_districts: list[str]
    requested_by: str
    counts: RunCounts
