"""One child's cases in memory, driven through the pure rules as the handlers do it. For the tests of deduplication."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from msgspec.structs import replace

from events.candidate import CandidateAdult, FiredRule
from events.case import CaseDraft
from events.evidence import EvidenceItem
from services.deduplication.domain.case import projection, reconcile, with_ask, with_sending, with_verdict
from services.deduplication.domain.facts import Ask, CaseState, Family, Known, Sending, Verdict
from services.deduplication.domain.states import State, evidence_states
from services.deduplication.domain.told import standing

ROOT = UUID("6f2b7c52-3c0b-4a4e-9a39-5f1a9d3f2b11")
MONDAY = datetime(2026, 9, 21, 5, tzinfo=UTC)


def named(name: str) -> UUID:
    """A stable id for a name of a test."""
    return uuid5(ROOT, name)


def item(name: str, version: int = 1, **changes: Any) -> EvidenceItem:
    """A piece of evidence about the adult `father` unless changed."""
    base = EvidenceItem(
        evidence_id=named(name),
        version=version,
        person=named("father"),
        live=True,
        counts=True,
        code="1252",
        code_scheme="GER4",
        text="simpel vold",
        category="VIOLENCE",
        role="charged",
        outcome="open",
        district="1461",
        occurred_on=date(2026, 9, 1),
        registered_at=MONDAY,
        child_present=False,
    )
    return replace(base, **changes)


class Book:
    """The family of one child; each method is one fact arriving."""

    def __init__(self, children: Iterable[str] = ("child",)) -> None:
        self.cases = {
            name: CaseState(named(f"case {name}"), named(name), MONDAY + timedelta(days=n)) for n, name in enumerate(children)
        }
        self.evidence: dict[UUID, Known] = {}
        self.aliases: dict[UUID, UUID] = {}
        self.seen = 0
        self.moment = MONDAY

    def family(self, child: str = "child") -> Family:
        """The family that this child's case belongs to now."""
        place = self.aliases.get(named(child), named(child))
        cases = [case for case in self.cases.values() if self.aliases.get(case.child, case.child) == place]
        return Family(tuple(sorted(cases, key=lambda case: case.opened_at)), self.evidence, self.aliases, {})

    def settle(self) -> None:
        """Let every family work out anew what it asks for."""
        for name in list(self.cases):
            for case in reconcile(self.family(name)):
                (key,) = [key for key, known in self.cases.items() if known.case_id == case.case_id]
                self.cases[key] = case

    def candidate(
        self,
        week: int,
        *items: EvidenceItem,
        child: str = "child",
        adults: Iterable[str] = ("father",),
        missing: Iterable[str] = (),
    ) -> None:
        """A run of week 2026-W<week> found the child with these pieces, without the districts `missing`."""
        for each in items:
            self._know(each, None, week)
        ties = [CandidateAdult(named(adult), ["parent"], [FiredRule("R1", "gentagen vold")]) for adult in adults]
        ids = [each.evidence_id for each in items]
        ask = Ask(named(f"candidate {child} {week}"), named(f"run {week}"), f"2026-W{week}", ties, ids, list(missing))
        self.cases[child] = with_ask(self.cases[child], ask)
        self.settle()

    def changed(self, week: int, now: EvidenceItem, merged_into: str | None = None) -> None:
        """A newer version of a piece of evidence."""
        self._know(now, named(merged_into) if merged_into else None, week)
        self.settle()

    def _know(self, now: EvidenceItem, merged_into: UUID | None, week: int) -> None:
        known = self.evidence.get(now.evidence_id)
        if known is None or known.item.version < now.version:
            self.evidence[now.evidence_id] = Known(now, merged_into, f"2026-W{week}")

    def merged(self, child: str, into: str) -> None:
        """Two children are one."""
        self.aliases[named(child)] = named(into)
        self.settle()

    def draft(self, child: str = "child") -> CaseDraft | None:
        """The letter asked for now."""
        draft = projection(self.cases[child]).draft
        return draft if draft and draft.open else None

    def letter(self, child: str = "child") -> CaseDraft:
        """The letter asked for now; there must be one."""
        found = self.draft(child)
        assert found is not None
        return found

    def decide(
        self, about: CaseDraft, state: Any, reason: str | None = None, left_out: Iterable[str] = (), child: str = "child"
    ) -> None:
        """A person decides on one version of a draft."""
        self.seen += 1
        verdict = Verdict(self.seen, state, reason, [named(name) for name in left_out])
        self.cases[child] = with_verdict(self.cases[child], about.draft_id, about.version, verdict)
        self.settle()

    def deliver(
        self,
        about: CaseDraft,
        state: Any,
        reason: str | None = None,
        municipality: str = "101",
        left_out: Iterable[str] = (),
        child: str = "child",
    ) -> UUID:
        """Delivery tells what became of the letter; the notification's id."""
        self.seen += 1
        self.moment += timedelta(hours=1)
        notification = uuid5(about.draft_id, str(about.version))
        gone = {named(name) for name in left_out}
        included = [each.evidence_id for each in (*about.new, *about.changed) if each.evidence_id not in gone]
        sending = Sending(self.seen, notification, state, reason, municipality, included, self.moment)
        self.cases[child] = with_sending(self.cases[child], about.draft_id, about.version, sending)
        self.settle()
        return notification

    def tell(self, municipality: str = "101", child: str = "child") -> UUID:
        """Approve and send the letter that is asked for; a correction goes where the wrong belief lies."""
        about = self.letter(child)
        for belief in standing(self.family(child)).beliefs.values():
            municipality = belief.municipality if belief.notification == about.corrects else municipality
        self.decide(about, "approved", child=child)
        return self.deliver(about, "sent", municipality=municipality, child=child)

    def state(self, name: str, child: str = "child") -> State:
        """Told-state of one piece."""
        return evidence_states(self.family(child))[named(name)]

    def outcomes(self, child: str = "child") -> dict[str, tuple[str, str | None]]:
        """What became of each candidate, by week."""
        return {ask.week[-2:]: (ask.outcome, ask.reason) for ask in self.family(child).asks}


def ids(items: Iterable[EvidenceItem]) -> set[UUID]:
    """Ids of these pieces."""
    return {each.evidence_id for each in items}


def ids_of(*names: str) -> set[UUID]:
    """Ids of the pieces of these names."""
    return {named(name) for name in names}


def told(*items: EvidenceItem) -> Book:
    """A book whose child's municipality was told of these."""
    book = Book()
    book.candidate(38, *items)
    book.tell()
    return book
