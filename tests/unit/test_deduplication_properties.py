"""Whatever the order and however often facts arrive, a case ends in the same state; and no sequence tells anything twice."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from events.evidence import EvidenceItem
from services.deduplication.domain.told import standing
from services.deduplication.domain.wanted import plan
from tests.unit.deduplication_book import Book, ids, item

NAMES = ("a", "b", "c", "d")
Fact = Callable[[Book], object]

changes = st.fixed_dictionaries(
    {}, optional={"live": st.just(False), "outcome": st.sampled_from(["open", "fined"]), "role": st.just("victim")}
)
histories = st.fixed_dictionaries(
    {},
    optional={
        name: st.tuples(st.lists(changes, min_size=1, max_size=3), st.sampled_from([None, None, *NAMES])) for name in NAMES
    },
)
"""Per piece its later versions, and into which piece it is merged. A merger stays: undoing one makes fresh evidence, and the
next run's candidate asks for that."""
candidates = st.dictionaries(st.integers(38, 42), st.sets(st.sampled_from(NAMES), min_size=1), min_size=1, max_size=4)


def asked(week: int, names: set[str]) -> Fact:
    """A candidate."""
    return lambda book: book.candidate(week, *(item(name) for name in sorted(names)))


def newer(name: str, version: int, changes: dict[str, Any], into: str | None) -> Fact:
    """A later version of a piece; merged only into a later name, so that there is no circle, and screening announces that too."""
    merged = into if into and into > name else None

    def fact(book: Book) -> None:
        if merged:
            book.changed(38, item(merged))
        book.changed(43, item(name, version, **changes), merged)

    return fact


def later(histories: dict[str, Any]) -> list[Fact]:
    """All later versions of these histories."""
    return [
        newer(name, version, change, into)
        for name, (versions, into) in histories.items()
        for version, change in enumerate(versions, 2)
    ]


def end(book: Book) -> object:
    """All that others can see of where the case stands, without numbers of versions."""
    draft = book.draft()
    letter = draft and (
        draft.kind,
        draft.week,
        said(draft.new),
        said(draft.earlier),
        said(draft.changed),
        draft.adults,
        draft.corrects,
    )
    states = {name: book.state(name) for name in NAMES if any(name_in(book, name))}
    return letter, outcomes(book), states


def outcomes(book: Book) -> dict[str, str]:
    """What became of the candidates of the open letter. Whether another one was drafted and closed again, or never, is chance."""
    reserved = {item(name).evidence_id for name in NAMES if any(name_in(book, name)) and book.state(name) == "reserved"}
    asks = [ask for case in book.cases.values() for ask in case.asks]
    return {ask.week: ask.outcome for ask in asks if set(ask.evidence) & reserved}


def said(items: list[EvidenceItem]) -> list[object]:
    """What a letter says of these pieces."""
    return [(each.evidence_id, each.live and (each.role, each.outcome)) for each in items]


def name_in(book: Book, name: str) -> list[bool]:
    """Whether any candidate holds this piece."""
    return [item(name).evidence_id in ask.evidence for case in book.cases.values() for ask in case.asks]


def ended(facts: list[Fact], start: Callable[[], Book] = Book) -> object:
    book = start()
    for fact in facts:
        fact(book)
    return end(book)


@settings(deadline=None)  # a busy machine is no defect
@given(candidates, histories, st.randoms(use_true_random=False))
def test_candidates_and_evidence_end_the_same_in_any_order_and_repeated(
    weeks: dict[int, set[str]], pieces: dict[str, Any], chance: Any
) -> None:
    facts = [asked(week, names) for week, names in weeks.items()] + later(pieces)
    shuffled = facts + chance.sample(facts, chance.randint(0, len(facts)))
    chance.shuffle(shuffled)
    assert ended(facts) == ended(shuffled)


@settings(deadline=None)  # a busy machine is no defect
@given(candidates, histories, st.randoms(use_true_random=False))
def test_decision_and_delivery_of_a_first_letter_may_meet_everything_else_in_any_order(
    weeks: dict[int, set[str]], pieces: dict[str, Any], chance: Any
) -> None:
    def start() -> Book:
        book = Book()
        book.candidate(37, item("a"), item("b"))
        return book

    letter = start().letter()

    def delivery(state: str, seen: int) -> Fact:
        def fact(book: Book) -> None:
            book.seen, book.moment = seen, Book().moment
            book.deliver(letter, state)

        return fact

    facts = [asked(week, names) for week, names in weeks.items()] + later(pieces)
    facts += [delivery(state, seen) for seen, state in enumerate(("pending", "sent", "acknowledged"))]
    facts.append(lambda book: book.decide(letter, "approved"))
    shuffled = facts + chance.sample(facts, chance.randint(0, len(facts)))
    chance.shuffle(shuffled)
    assert ended(facts, start) == ended(shuffled, start)


def rejected(reason: str) -> Fact:
    """A person rejects what is open."""
    return lambda book: book.draft() and book.decide(book.letter(), "rejected", reason)


def delivered(state: str, reason: str | None, municipality: str) -> Fact:
    """Delivery says what became of what is open."""
    return lambda book: book.draft() and book.deliver(book.letter(), state, reason, municipality)


anything = st.one_of(
    st.builds(asked, st.integers(38, 52), st.sets(st.sampled_from(NAMES), min_size=1)),
    st.builds(
        newer,
        st.sampled_from(NAMES),
        st.integers(2, 9),
        st.sampled_from([{}, {"live": False}, {"outcome": "fined"}]),
        st.sampled_from([None, *NAMES]),
    ),
    st.builds(rejected, st.sampled_from(["insufficient", "irrelevant", "already_known"])),
    st.builds(delivered, st.sampled_from(["pending", "sent", "acknowledged"]), st.none(), st.sampled_from(["101", "147"])),
    st.builds(
        delivered, st.just("refused"), st.sampled_from(["wrong_municipality", "insufficient", "irrelevant"]), st.just("101")
    ),
    st.builds(delivered, st.sampled_from(["returned", "suppressed", "failed"]), st.just("x"), st.just("101")),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(anything, max_size=14))
def test_nothing_told_is_ever_asked_for_as_new_and_every_case_comes_to_rest(facts: list[Fact]) -> None:
    book = Book()
    for fact in facts:
        fact(book)
        draft, settled = book.draft(), standing(book.family())
        if draft:
            assert draft.new or draft.changed
            assert not ids(draft.new) & settled.told
            assert not (draft.new and draft.changed)
    for _ in range(2 * len(facts) + 1):
        if book.draft():
            book.tell()
    assert book.draft() is None
    assert plan(book.family()).content is None
    assert not [outcome for outcome, _ in book.outcomes().values() if outcome == "waiting"]
