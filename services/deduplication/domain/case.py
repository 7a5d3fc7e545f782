"""How a case changes: a fact is put in, and the family of cases works out anew which letter it asks for."""

from collections.abc import Callable, Iterable
from uuid import UUID, uuid5

from msgspec.structs import replace

from events.case import Case, CaseDraft
from events.evidence import EvidenceItem
from services.deduplication.domain.facts import Ask, CaseState, Content, Family, Issue, Sending, Verdict
from services.deduplication.domain.told import Said, fate, left_out, said, spoken
from services.deduplication.domain.wanted import Plan, plan, why_nothing


class UnknownDraft(ValueError):
    """A decision or delivery is about a version of a draft that this case never published."""


def with_ask(case: CaseState, ask: Ask) -> CaseState:
    """The case with one candidate more; what is known of it already stays."""
    if any(known.candidate_id == ask.candidate_id for known in case.asks):
        return case
    return replace(case, asks=[*case.asks, ask])


def with_verdict(case: CaseState, draft_id: UUID, version: int, verdict: Verdict) -> CaseState:
    """The case with a decision on one version of a draft. Raises UnknownDraft."""
    issue = _find(case, draft_id, version)
    newer = issue.verdict is None or verdict.seen > issue.verdict.seen
    return _put(case, replace(issue, verdict=verdict)) if newer else case


def with_sending(case: CaseState, draft_id: UUID, version: int, sending: Sending) -> CaseState:
    """The case with the state of the notification made of one version of a draft. Raises UnknownDraft."""
    issue = _find(case, draft_id, version)
    newer = issue.sending is None or sending.seen > issue.sending.seen
    return _put(case, replace(issue, sending=sending)) if newer else case


def _find(case: CaseState, draft_id: UUID, version: int) -> Issue:
    for issue in reversed(case.issues):
        if (issue.draft_id, issue.version) == (draft_id, version):
            return issue
    raise UnknownDraft("unknown_draft_version")


def _put(case: CaseState, changed: Issue) -> CaseState:
    key = (changed.draft_id, changed.version)
    return replace(case, issues=[changed if (each.draft_id, each.version) == key else each for each in case.issues])


def reconcile(family: Family) -> tuple[CaseState, ...]:
    """The family's cases as they must be now: only the leading one asks for a letter."""
    found = plan(family)
    lead, *led = [_labelled(family, found, case) for case in family.cases]
    return (_advanced(family, lead, found.content), *(replace(case, open=False) for case in led))


def _advanced(family: Family, case: CaseState, wanted: Content | None) -> CaseState:
    """The leading case with the wanted letter as its open draft."""
    last = case.issues[-1] if case.issues else None
    if wanted is None:
        return replace(case, open=False)
    if last is None or fate(last) in ("told", "freed", "unusable") or not (case.open or _continues(last, wanted)):
        drafts = len({issue.draft_id for issue in case.issues})
        return _issued(case, Issue(uuid5(case.case_id, f"draft {drafts + 1}"), 1, wanted))
    if case.open and fate(last) == "open" and _same(family, last, wanted):
        return _put(case, replace(last, content=replace(last.content, asks=wanted.asks)))
    return _issued(case, Issue(last.draft_id, last.version + 1, wanted))


def _issued(case: CaseState, issue: Issue) -> CaseState:
    return replace(case, issues=[*case.issues, issue], open=True)


def _continues(last: Issue, wanted: Content) -> bool:
    """Whether a draft that was returned, or closed with nothing left, comes back rather than another one.

    So does one that was approved and may still lie with delivery: only a newer version of the same draft is sure to stop it.
    """
    return (
        fate(last) == "returned"
        or last.sending is not None
        or (last.verdict is not None and last.verdict.state == "approved")
        or bool(set(last.content.asks) & set(wanted.asks))
        or (wanted.corrects is not None and wanted.corrects == last.content.corrects)
    )


def _same(family: Family, last: Issue, wanted: Content) -> bool:
    """Whether the published version says what is wanted, and of what was told; what its reviewer left out is not missing."""
    gone, content = left_out(last), last.content

    def says(items: Iterable[EvidenceItem], how: Callable[[Family, EvidenceItem], Said] = said) -> list[object]:
        return sorted(((item.evidence_id, how(family, item)) for item in items if item.evidence_id not in gone), key=str)

    return (
        (content.child, content.kind, content.week) == (wanted.child, wanted.kind, wanted.week)
        and (content.corrects, content.letters) == (wanted.corrects, wanted.letters)
        and says(content.new) == says(wanted.new)
        and says(content.earlier) == says(wanted.earlier)
        and says(content.changed) == says(wanted.changed)
        and says(content.told, spoken) == says(wanted.told, spoken)
    )


def _labelled(family: Family, found: Plan, case: CaseState) -> CaseState:
    return replace(case, asks=[_label(family, found, ask) for ask in case.asks])


def _label(family: Family, found: Plan, ask: Ask) -> Ask:
    """The candidate with what became of it. One whose letter was closed with nothing left keeps what it was."""
    if ask in found.bringing:
        asks = found.content.asks if found.content else {}
        return replace(ask, outcome=asks.get(ask.candidate_id, "waiting"), reason=None)
    if ask in found.asks and (found.bringing or ask.outcome not in ("first", "supplement", "folded")):
        return replace(ask, outcome="nothing_new", reason=why_nothing(family, found, ask))
    settled = found.standing.spent.get(ask.candidate_id, ask.outcome)
    return replace(ask, outcome=settled, reason=(ask.reason or "in_open_draft") if settled == "nothing_new" else None)


def projection(case: CaseState) -> Case:
    """What other services need of it."""
    if not case.issues:
        return Case(case.case_id, case.child, None)
    last = case.issues[-1]
    content = last.content
    draft = CaseDraft(
        draft_id=last.draft_id,
        version=last.version,
        open=case.open,
        kind=content.kind,
        run_id=content.run_id,
        week=content.week,
        adults=content.adults,
        new=content.new,
        earlier=content.earlier,
        changed=content.changed,
        corrects=content.corrects,
        missing_districts=content.missing_districts,
        searched_week=content.searched_week,
        told=content.told,
        letters=content.letters,
    )
    return Case(case.case_id, content.child, draft)
