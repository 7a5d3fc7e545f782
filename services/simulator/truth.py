"""The truth about a synthetic world: what each planted story must come to. Formats: docs/simulator.md.

Made from what was planted, never by calling the code that it checks.
"""

from typing import Literal

import msgspec

from services.simulator.rows import FateName

Kind = Literal["first", "supplement", "correction", "retraction", "none"]
Outcome = Literal["sent", "suppressed", "none"]
Tag = Literal["explicit", "inferred"]
Reason = Literal[
    "rule_not_met",
    "not_counted",
    "history",
    "later_week",
    "nothing_new",
    "no_child",
    "tie_excluded",
    "waiting_for_identity",
    "quarantined",
    "turned_18",
    "dead",
    "emigrated",
    "disappeared",
]
"""Why nothing was sent: the last four at sending, the rest in the run. See docs/simulator.md."""


class Effect(msgspec.Struct, frozen=True):
    """One expected effect: a line of truth.jsonl."""

    story: str
    tag: Tag
    week: str
    child_cpr: str | None
    kind: Kind
    outcome: Outcome
    reason: Reason | None
    municipality: str | None
    adults: list[str]
    evidence: list[tuple[str, int]]
    rules: list[str]
    without_inference: Outcome | None = None


class RowTruth(msgspec.Struct, frozen=True):
    """The expected fate of one row that is not simply new: a line of truth_rows.jsonl."""

    file: str
    line: int
    fate: FateName
    reason: str | None
    field: str | None
    story: str


class ExtractTruth(msgspec.Struct, frozen=True):
    """The expected counts of one extract: a line of truth_extracts.jsonl."""

    extract: str
    rows: int
    new: int
    corrected: int
    withdrawn: int
    repeated: int
    stale: int
    quarantined: int
