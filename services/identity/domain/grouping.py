"""Which numbers are one person, and which pseudonym stands for that person.

A changed number (*ændret personnummer*) names the number that came after it; following these steps leads to the current
number. All numbers that lead to the same current number are one person with one pseudonym: that of the current number, or,
when that has none yet, that of the number nearest to it. So the order in which the register tells things never matters for
who is one person with whom. When a step is taken back, a number gets back the pseudonym that it had given out before.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

Number = tuple[str, str]
"""Kind (CPR, ENR, UNR) and number."""


class Member(NamedTuple):
    """A number as the vault has it. `borrowed`: its pseudonym was made for another; `handed_out`: its own, if it left us."""

    number: Number
    successor: Number | None
    pseudonym: UUID | None = None
    borrowed: bool = False
    handed_out: UUID | None = None

    @property
    def own(self) -> UUID | None:
        """The pseudonym that was made for this number."""
        return self.handed_out if self.borrowed or self.pseudonym is None else self.pseudonym


class Placed(NamedTuple):
    """The pseudonym that a number leads to from now on."""

    number: Number
    pseudonym: UUID
    borrowed: bool


def current(number: Number, successors: Mapping[Number, Number]) -> tuple[Number, int]:
    """The current number and how many steps away it is. In a circle, which only an error makes, the smallest stands for all."""
    path: list[Number] = []
    while number in successors and number not in path:
        path.append(number)
        number = successors[number]
    if number not in path:
        return number, len(path)
    smallest = min(path[path.index(number) :])
    return smallest, path.index(smallest)


def place(members: Iterable[Member], new: Callable[[], UUID]) -> list[Placed]:
    """Where each of these numbers leads; `members` are whole groups, with every number that is named as a successor."""
    members = list(members)
    successors = {member.number: member.successor for member in members if member.successor is not None}
    groups: dict[Number, list[tuple[int, Member]]] = defaultdict(list)
    for member in members:
        root, steps = current(member.number, successors)
        groups[root].append((steps, member))
    return [placed for root, group in groups.items() for placed in _place_group(root, group, new)]


def _place_group(root: Number, group: list[tuple[int, Member]], new: Callable[[], UUID]) -> list[Placed]:
    nearest_first = [member for _, member in sorted(group, key=lambda item: (item[0], item[1].number))]
    owners = {member.own: member.number for member in nearest_first if member.own is not None}
    canonical = _canonical(nearest_first, owners)
    if canonical is None:
        canonical = new()
    owner = owners.get(canonical, root)
    return [Placed(member.number, canonical, member.number != owner) for member in nearest_first]


def _canonical(nearest_first: list[Member], owners: Mapping[UUID, Number]) -> UUID | None:
    """What the nearest number leads to already, if that is a pseudonym of this group; else its own; else the next one's."""
    for member in nearest_first:
        if member.pseudonym in owners:
            return member.pseudonym
        if member.own is not None:
            return member.own
    return None
