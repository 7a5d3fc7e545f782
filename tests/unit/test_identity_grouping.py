"""Whoever has several numbers is one person, in whatever order the register tells it."""

import random
from itertools import count
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.grouping import Member, Number, current, place

NUMBERS = [("CPR", f"{letter}") for letter in "ABCDEFGH"]
ids = count(1)


def new() -> UUID:
    return UUID(int=next(ids))


class Book:
    """What the vault keeps of each number, in memory: its successor, its pseudonym, and what was given out for it."""

    def __init__(self) -> None:
        self.members: dict[Number, Member] = {}
        self.out: dict[Number, UUID] = {}

    def see(self, number: Number) -> None:
        """A number is seen for the first time: it gets a pseudonym, which is given out."""
        if number not in self.members or self.members[number].pseudonym is None:
            self.members[number] = Member(number, None, new())
            self.place()
        self.out.setdefault(number, self.members[number].pseudonym or new()) if not self.members[number].borrowed else None

    def tell(self, number: Number, successor: Number | None) -> None:
        """The register tells which number came after this one."""
        for each in (number, successor):
            if each is not None:
                self.members.setdefault(each, Member(each, None))
        self.members[number] = self.members[number]._replace(successor=successor)
        self.place()

    def place(self) -> None:
        before = self.members
        members = [member._replace(handed_out=self.out.get(member.number)) for member in before.values()]
        for placed in place(members, new):
            was = before[placed.number]
            if was.own is not None and was.own != placed.pseudonym:
                self.out.setdefault(placed.number, was.own)
            self.members[placed.number] = was._replace(
                pseudonym=placed.pseudonym, borrowed=placed.borrowed, handed_out=self.out.get(placed.number)
            )

    def groups(self) -> set[frozenset[Number]]:
        found: dict[UUID | None, set[Number]] = {}
        for member in self.members.values():
            found.setdefault(member.pseudonym, set()).add(member.number)
        return {frozenset(group) for group in found.values()}


chains = st.dictionaries(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS), max_size=8).map(
    lambda steps: {number: successor for number, successor in steps.items() if number != successor}
)


def grouped(steps: dict[Number, Number], seen: list[Number]) -> set[frozenset[Number]]:
    """The groups by the plainest rule: whoever is joined by a step, in either direction, is one person."""
    numbers = {*steps, *steps.values(), *seen}
    group = {number: {number} for number in numbers}
    for number, successor in steps.items():
        joined = group[number] | group[successor]
        for each in joined:
            group[each] = joined
    return {frozenset(each) for each in group.values()}


@given(chains, st.lists(st.sampled_from(NUMBERS), unique=True), st.randoms(use_true_random=False))
def test_the_groups_do_not_depend_on_the_order(steps: dict[Number, Number], seen: list[Number], shuffled: random.Random) -> None:
    happenings = [("see", number, None) for number in seen] + [("tell", *step) for step in steps.items()]
    shuffled.shuffle(happenings)
    book = Book()
    for verb, number, successor in happenings:
        if verb == "see":
            book.see(number)
        else:
            book.tell(number, successor)
    assert book.groups() == grouped(steps, seen)
    # One hop leads from whatever was given out to the pseudonym of today: aliases are never chains.
    owners = [member.number for member in book.members.values() if not member.borrowed]
    assert len(owners) == len(book.groups())


@given(chains, st.lists(st.sampled_from(NUMBERS), unique=True))
def test_what_is_taken_back_gives_back_what_was_given_out(steps: dict[Number, Number], seen: list[Number]) -> None:
    book = Book()
    for number in seen:
        book.see(number)
    before = {number: book.members[number].pseudonym for number in seen}
    for number, successor in steps.items():
        book.tell(number, successor)
    for number in steps:
        book.tell(number, None)
    assert {number: book.members[number].pseudonym for number in seen} == before
    assert book.groups() == {frozenset([number]) for number in book.members}


def test_the_current_number_decides_when_both_had_a_pseudonym() -> None:
    old, now = Member(NUMBERS[0], NUMBERS[1], UUID(int=1)), Member(NUMBERS[1], None, UUID(int=2))
    assert {placed.pseudonym for placed in place([old, now], new)} == {UUID(int=2)}


def test_a_new_number_shares_the_pseudonym_of_the_one_before() -> None:
    old, now = Member(NUMBERS[0], NUMBERS[1], UUID(int=1)), Member(NUMBERS[1], None)
    assert [(placed.number, placed.borrowed) for placed in place([old, now], new)] == [(NUMBERS[1], True), (NUMBERS[0], False)]


def test_a_circle_ends_at_its_smallest_number() -> None:
    a, b, c = NUMBERS[:3]
    assert [current(number, {a: b, b: a, c: b})[0] for number in (a, b, c)] == [a, a, a]
