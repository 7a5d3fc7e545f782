"""What the municipalities hold for true of a child, and which evidence and candidates are settled.

Told means that delivery committed the sending and the municipality has not refused it. A belief is kept per municipality,
because a correction belongs where the wrong fact lies.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from events.case import ToldLetter
from events.evidence import EvidenceItem
from services.deduplication.domain.facts import Ask, Family, Issue, Outcome, Sending

Fate = Literal["open", "returned", "told", "freed", "unusable"]
"""What became of one version of a draft. `returned`: the same draft must come before a person again."""
Said = tuple[object, ...]
"""What a letter says of a piece of evidence, comparable."""

TOLD = ("sent", "received", "acknowledged")
SENDING_FATES: dict[str, Fate] = {"pending": "open", "returned": "returned", "failed": "returned", "suppressed": "freed"}
REFUSED: dict[str, Fate] = {
    "wrong_municipality": "returned",
    "unreadable": "returned",
    "irrelevant": "unusable",
    "wrong_person": "unusable",
}
"""What a municipality's system could not read, or failed on, told nobody: no later run would ask for it again."""
REJECTED: dict[str, Fate] = {"irrelevant": "unusable", "wrong_person": "unusable", "already_known": "unusable"}
"""All other reasons (insufficient, none) give the evidence free again: a later run that meets it may ask once more."""
WITHDRAWN: Said = ("withdrawn",)
BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Belief:
    """What one municipality was last told of one piece of evidence, in which notification and by which issue first."""

    municipality: str
    notification: UUID
    origin: Issue
    item: EvidenceItem

    @property
    def stands(self) -> bool:
        """False once it was retracted."""
        return self.item.live and self.item.counts


@dataclass(frozen=True)
class Standing:
    """What is settled of a family. Ids in `told` and `unusable` are those that stand in the place of merged ones.

    What turned out to be about another person is not `told`: nobody was told it about that one.
    """

    beliefs: dict[tuple[str, UUID], Belief]
    told: frozenset[UUID]
    unusable: dict[UUID, str]
    declined: frozenset[tuple[UUID, Said]]
    spent: dict[UUID, Outcome]
    ever_told: bool


def fate(issue: Issue) -> Fate:
    """What became of a version of a draft, by delivery's word or else by the person's."""
    if sending := issue.sending:
        if sending.state in TOLD:
            return "told"
        if sending.state == "refused":
            return REFUSED.get(sending.reason or "", "freed")
        return SENDING_FATES[sending.state]
    if issue.verdict and issue.verdict.state == "rejected":
        return REJECTED.get(issue.verdict.reason or "", "freed")
    return "open"


def left_out(issue: Issue) -> set[UUID]:
    """What a reviewer took away from an approved letter; from delivery's word while the decision has not arrived."""
    if issue.verdict:
        return set(issue.verdict.left_out) if issue.verdict.state == "approved" else set()
    if issue.sending:
        spoken = {item.evidence_id for item in (*issue.content.new, *issue.content.changed)}
        return spoken - set(issue.sending.included)
    return set()


def said(family: Family, item: EvidenceItem) -> Said:
    """What may be said of it now: a change of any of this is worth a correction."""
    return spoken(family, item) if family.holds(item) else WITHDRAWN


def spoken(family: Family, item: EvidenceItem) -> Said:
    """What a letter that tells it says, whether or not that may be told now."""
    person = family.canonical(item.person)
    return person, item.code_scheme, item.code, item.role, item.outcome, item.occurred_on, item.child_present


def standing(family: Family) -> Standing:
    """Work out what is settled from everything that the family's cases remember."""
    beliefs = _beliefs(family)
    told = (belief.item for belief in beliefs.values() if belief.stands and not family.moved(belief.item))
    return Standing(
        beliefs,
        frozenset(family.place(item.evidence_id) for item in told),
        {family.place(evidence_id): reason for evidence_id, reason in _judged(family)},
        frozenset(_declined(family)),
        dict(_spent(family)),
        bool(beliefs),
    )


def unsettled(family: Family, settled: Standing) -> list[Ask]:
    """Candidates that still want something told."""
    return [ask for ask in family.asks if ask.candidate_id not in settled.spent and ask.reason != "already_told"]


def letters(family: Family, municipality: str | None = None) -> list[ToldLetter]:
    """The letters that this municipality holds (any of them unless given), in the order of their telling."""
    told = _in_order_of_telling(family)
    return [ToldLetter(issue.draft_id, issue.version) for sending, issue in told if municipality in (None, sending.municipality)]


def _in_order_of_telling(family: Family) -> list[tuple[Sending, Issue]]:
    placed = [(issue, (case, number)) for case, each in enumerate(family.cases) for number, issue in enumerate(each.issues)]
    told = [(issue.sending, place, issue) for issue, place in placed if issue.sending and fate(issue) == "told"]
    told.sort(key=lambda found: (found[0].sent_at or BEGINNING, found[1]))
    return [(sending, issue) for sending, _, issue in told]


def _beliefs(family: Family) -> dict[tuple[str, UUID], Belief]:
    beliefs: dict[tuple[str, UUID], Belief] = {}
    for sending, issue in _in_order_of_telling(family):
        gone, new = left_out(issue), {item.evidence_id for item in issue.content.new}
        for item in (*issue.content.new, *issue.content.earlier, *issue.content.changed):
            key = (sending.municipality, item.evidence_id)
            first = beliefs.get(key) if item.evidence_id not in new else None
            origin = (first.notification, first.origin) if first else (sending.notification_id, issue)
            if item.evidence_id not in gone:
                beliefs[key] = Belief(sending.municipality, *origin, item)
    return beliefs


def _issues(family: Family) -> Iterator[tuple[Issue, bool]]:
    """Every issue, and whether it is the last version of its draft."""
    for case in family.cases:
        newest = {issue.draft_id: issue.version for issue in case.issues}
        yield from ((issue, newest[issue.draft_id] == issue.version) for issue in case.issues)


def _judged(family: Family) -> Iterator[tuple[UUID, str]]:
    """New evidence that a person found unfit to be told, here or in the municipality, as long as it says what they saw."""
    for issue, _ in _issues(family):
        new = [item.evidence_id for item in issue.content.new if _says_the_same(family, item)]
        yield from ((evidence_id, "left_out") for evidence_id in new if evidence_id in left_out(issue))
        if fate(issue) == "unusable":
            judge = issue.sending or issue.verdict
            yield from ((evidence_id, judge.reason or "" if judge else "") for evidence_id in new)


def _says_the_same(family: Family, item: EvidenceItem) -> bool:
    now = family.now(item)
    return now is None or said(family, now) == said(family, item)


def _declined(family: Family) -> Iterator[tuple[UUID, Said]]:
    """Changes that a person does not want told: they are no longer asked for until something else changes."""
    for issue, _ in _issues(family):
        refused = fate(issue) == "unusable" or (issue.verdict is not None and issue.verdict.state == "rejected")
        gone = left_out(issue)
        for item in issue.content.changed:
            if refused or item.evidence_id in gone:
                yield item.evidence_id, said(family, item)


def _spent(family: Family) -> Iterator[tuple[UUID, Outcome]]:
    """Candidates whose letter was told, or ended without being told and without a later version."""
    for issue, last in _issues(family):
        ended = fate(issue)
        if ended == "told" or (last and ended in ("freed", "unusable")):
            yield from issue.content.asks.items()
