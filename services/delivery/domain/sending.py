"""The check before sending, in one step: is the approved version still the newest, the child still a child, alive and here?

Rules: architecture page "The case"; a child is under 18 on the day of sending (barnets lov § 2).
"""

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

import msgspec

from events.decision import Decision
from events.http.identity import ChildResidence

SuppressReason = Literal["dead", "emigrated", "disappeared", "annulled", "unknown", "turned_18"]
ReturnReason = Literal[
    "newer_version",
    "case_closed",
    "child_merged",
    "protection_changed",
    "no_municipality",
    "digest_differs",
    "partly_left",
    "too_large",
]
OVERTAKEN: frozenset[ReturnReason] = frozenset({"newer_version", "case_closed"})
"""Deduplication has moved on: whatever this letter tells, a later one tells it or nobody does."""


class Send(msgspec.Struct, frozen=True):
    """Send it to this municipality."""

    municipality: str


class Suppress(msgspec.Struct, frozen=True):
    """It must not be sent any more."""

    reason: SuppressReason


class Return(msgspec.Struct, frozen=True):
    """A person must look at it again."""

    reason: ReturnReason


Verdict = Send | Suppress | Return


class NewestDraft(msgspec.Struct, frozen=True):
    """The newest draft that deduplication asked for in a case. `open` is false when there is nothing left to say."""

    draft_id: UUID
    version: int
    open: bool


class Routes(msgspec.Struct, frozen=True):
    """Where letters go instead: acting municipality by child, delegation by municipality, and who can be reached at all."""

    acting: Mapping[UUID, str]
    delegations: Mapping[str, str]
    served: frozenset[str]

    def of(self, child: UUID, registered: str | None) -> str | None:
        """The acting municipality or else the register's, or whoever does its work; None where nobody can be reached."""
        responsible = self.acting.get(child) or registered or ""
        chosen = self.delegations.get(responsible, responsible)
        return chosen if chosen in self.served else None


def decide(
    decision: Decision, newest: NewestDraft | None, residence: ChildResidence, told: str | None, routes: Routes
) -> Verdict:
    """What to do with an approved letter now. `told` is the municipality that got the letter which this one corrects.

    A correction or retraction goes where the wrong fact lies, whatever became of the child since – unless it is protected now:
    what a letter from before may tell of its whereabouts is for a person to see.
    """
    if (overtaken := stale(decision, newest)) is not None:
        return overtaken
    if told is not None:
        if _protection_changed(decision, residence):
            return Return("protection_changed")
        return Send(told) if told in routes.served else Return("no_municipality")
    if residence.standing != "resident" and residence.standing != "no_fixed_address":
        return Suppress(residence.standing)
    if not residence.under_18:
        return Suppress("turned_18")
    if residence.canonical != decision.child:
        return Return("child_merged")
    if _protection_changed(decision, residence):
        return Return("protection_changed")
    municipality = routes.of(residence.canonical, residence.municipality)
    return Send(municipality) if municipality else Return("no_municipality")


def _protection_changed(decision: Decision, residence: ChildResidence) -> bool:
    """Asked of a child that lives here; where it does not, nothing of its whereabouts can be told."""
    lives_here = residence.standing in ("resident", "no_fixed_address")
    return lives_here and residence.protected != decision.residence.protected


def stale(decision: Decision, newest: NewestDraft | None) -> Return | None:
    """Whether deduplication has moved on since the approval."""
    if newest is None or newest.draft_id != decision.draft_id:
        return None
    if newest.version > decision.draft_version:
        return Return("newer_version")
    return None if newest.open else Return("case_closed")
