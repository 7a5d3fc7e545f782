"""`screening.candidate.v1`: one child found by one weekly run, with every adult, rule and piece of evidence behind it."""

from typing import Literal
from uuid import UUID

import msgspec

from events.evidence import EvidenceItem

Basis = Literal["parent", "custody", "household"]
"""On which basis an adult is tied to a child: forælder, forældremyndighed, fælles bopæl."""


class FiredRule(msgspec.Struct, frozen=True):
    """A rule of the catalogue that an adult's evidence met."""

    rule: str
    title: str


class CandidateAdult(msgspec.Struct, frozen=True):
    """One adult of a candidate: pseudonym, the bases of the tie, and the rules that fired."""

    person: UUID
    bases: list[Basis]
    rules: list[FiredRule]


class Candidate(msgspec.Struct, frozen=True):
    """One child in one run. `evidence` is all counted evidence of the adults in the look-back; `fresh` is new in this run."""

    candidate_id: UUID
    run_id: UUID
    week: str
    child: UUID
    adults: list[CandidateAdult]
    evidence: list[EvidenceItem]
    fresh: list[UUID]
    catalogue: str
    missing_districts: list[str]
