"""Which ties between an adult and a child count, and why the others do not.

Parent (*forælder*) by the register; custody (*forældremyndighed*) valid on the day; household (*fælles bopæl*): the same complete
unit, which is no institution or shelter and not crowded. A child counts once per adult: with all its bases, or with one reason.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple
from uuid import UUID

from events.candidate import Basis
from events.http.identity import ExcludedTie, Tie, TieExclusion
from services.identity.domain.ages import OF_AGE, age_years

MAX_ADULTS = 8
"""Adults registered at one address beyond which nobody can say who lives with whom."""
RESIDENT = frozenset({"01", "03"})
"""Register status of somebody who lives in the country, with or without a fixed address."""
BASES: tuple[Basis, ...] = ("parent", "custody", "household")
PRECEDENCE: tuple[TieExclusion, ...] = (
    "of_age",
    "child_not_resident",
    "tie_not_valid",
    "incomplete_address",
    "institution",
    "crowded_address",
)
"""The reason that is counted when several hold: first what is true of the child, then of the relation, then of the address."""


class Candidate(NamedTuple):
    """One adult and one child on one basis, with what decides. `adults` is how many are registered at the address (household)."""

    adult: UUID
    child: UUID
    basis: Basis
    birth_date: date
    status: str
    valid: bool = True
    complete: bool = True
    institution: bool = False
    adults: int = 0


def exclusion(candidate: Candidate, on: date) -> TieExclusion | None:
    """Why this tie does not count on a day; None when it does."""
    holds: dict[TieExclusion, bool] = {
        "of_age": age_years(candidate.birth_date, on) >= OF_AGE,
        "child_not_resident": candidate.status not in RESIDENT,
        "tie_not_valid": not candidate.valid,
        "incomplete_address": not candidate.complete,
        "institution": candidate.institution,
        "crowded_address": candidate.adults > MAX_ADULTS,
    }
    return next((reason for reason in PRECEDENCE if holds[reason]), None)


def settle(candidates: Iterable[Candidate], on: date) -> tuple[list[Tie], list[ExcludedTie]]:
    """The ties that count, and the numbers of children that were left out by adult and reason."""
    pairs: dict[tuple[UUID, UUID], list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        pairs[candidate.adult, candidate.child].append(candidate)
    ties: list[Tie] = []
    excluded: Counter[tuple[UUID, TieExclusion]] = Counter()
    for (adult, child), found in sorted(pairs.items()):
        reasons = {candidate: exclusion(candidate, on) for candidate in found}
        bases = {candidate.basis for candidate, reason in reasons.items() if reason is None}
        if bases:
            ties.append(Tie(adult, child, [basis for basis in BASES if basis in bases], age_years(found[0].birth_date, on)))
        else:
            excluded[adult, min((reason for reason in reasons.values() if reason), key=PRECEDENCE.index)] += 1
    return ties, [ExcludedTie(adult, reason, count) for (adult, reason), count in sorted(excluded.items())]
