"""The told-state of every piece of evidence of a child: `free → reserved → told → corrected | retracted`, or `unusable`."""

from typing import Literal
from uuid import UUID

from services.deduplication.domain.facts import Family
from services.deduplication.domain.told import Belief, Standing, standing

State = Literal["free", "reserved", "told", "corrected", "retracted", "unusable"]


def evidence_states(family: Family) -> dict[UUID, State]:
    """State of each piece, under the id by which screening knows it; a merged one shares the state of what replaced it."""
    settled = standing(family)
    beliefs: dict[UUID, Belief] = {}
    for belief in settled.beliefs.values():
        beliefs[family.place(belief.item.evidence_id)] = belief
    reserved = {item.evidence_id for case in family.cases if case.open and case.issues for item in case.issues[-1].content.new}
    ids = {evidence_id: family.place(evidence_id) for evidence_id in family.evidence}
    return {given: _state(settled, beliefs.get(place), place, place in reserved) for given, place in ids.items()}


def _state(settled: Standing, belief: Belief | None, place: UUID, reserved: bool) -> State:
    if place in settled.unusable:
        return "unusable"
    if belief is None or not belief.stands:
        return "reserved" if reserved else "retracted" if belief else "free"
    first = next((item for item in belief.origin.content.new if item.evidence_id == belief.item.evidence_id), belief.item)
    return "told" if first == belief.item else "corrected"
