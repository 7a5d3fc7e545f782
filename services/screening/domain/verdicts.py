"""What a run says of each adult with fresh evidence, and which children it finds.

An adult is told apart by why there is no candidate: no rule met, no child, or only ties that do not count. Nothing is scored
or ranked: a child is found or not.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from events.candidate import CandidateAdult, FiredRule
from events.http.identity import ExcludedTie, Tie
from services.screening.domain.catalogue import Rule

AdultOutcome = Literal["rule_met", "rule_not_met", "no_child", "tie_excluded"]
OUTCOMES: tuple[AdultOutcome, ...] = ("rule_met", "rule_not_met", "no_child", "tie_excluded")

NO_CHILD = frozenset({"of_age", "child_not_resident"})
"""Reasons that mean that there is no child to help (any more), rather than a tie that cannot be relied on."""


@dataclass(frozen=True)
class Verdict:
    """Why an adult did or did not lead to a candidate. `reason` is one or several codes, joined by commas."""

    outcome: AdultOutcome
    reason: str


def children(fired: Mapping[UUID, Sequence[Rule]], ties: Iterable[Tie]) -> dict[UUID, list[CandidateAdult]]:
    """Children tied to adults for whom a rule fired, each with these adults; a rule's age limit is for each child by itself."""
    found: dict[UUID, list[CandidateAdult]] = defaultdict(list)
    for tie in sorted(ties, key=lambda each: (each.child, each.adult)):
        rules = [FiredRule(rule.id, rule.title) for rule in fired.get(tie.adult, ()) if tie.age_years < rule.child_under]
        if rules:
            found[tie.child].append(CandidateAdult(tie.adult, tie.bases, rules))
    return dict(found)


def verdicts(
    adults: Mapping[UUID, bool],
    fired: Mapping[UUID, Sequence[Rule]],
    found: Mapping[UUID, Sequence[CandidateAdult]],
    ties: Iterable[Tie],
    excluded: Iterable[ExcludedTie],
) -> dict[UUID, Verdict]:
    """One verdict for each adult with fresh evidence; `adults` says whether any of the fresh evidence counts at all."""
    with_candidate = {adult.person for each in found.values() for adult in each}
    reasons: dict[UUID, set[str]] = defaultdict(set)
    for tie in ties:
        reasons[tie.adult].add("of_age")
    for each in excluded:
        reasons[each.adult].add(each.reason)
    return {
        adult: _verdict(counted, adult in fired, adult in with_candidate, reasons.get(adult, set()))
        for adult, counted in adults.items()
    }


def _verdict(counted: bool, met: bool, candidate: bool, reasons: set[str]) -> Verdict:
    if candidate:
        return Verdict("rule_met", "")
    if not met:
        return Verdict("rule_not_met", "rule_not_met" if counted else "not_counted")
    if not reasons <= NO_CHILD:
        return Verdict("tie_excluded", ",".join(sorted(reasons - NO_CHILD)))
    return Verdict("no_child", ",".join(sorted(reasons)) or "no_child")
