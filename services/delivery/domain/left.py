"""Whether a letter that is about to leave has left already: the rule after a restore.

The database stands at an earlier moment, and whatever was decided since is decided anew, with new ids. So letters are compared
by what they say: the child, and each fact as the municipality reads it, all as keyed hashes. What has left is taken off fact by
fact; a letter whose every fact was told is not sent again, one of new facts is, and whatever lies between is for a person.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Literal
from uuid import UUID

import msgspec

from events.letter import ChangedFact, Fact, LetterAdult, LetterChild

Keyed = Callable[[str], str]
"""A keyed hash: numbers and names have few values, a plain hash could be undone by trying all."""
LeftState = Literal["left", "unconfirmed", "matched", "closed"]


class Telling(msgspec.Struct, frozen=True):
    """What a letter tells, comparable over a restore. `child` by number and by name; either is enough, numbers change.

    Under whatever key it is hashed, each thing stands at the same place.
    """

    child: list[str]
    facts: list[str]


class Left(msgspec.Struct, frozen=True):
    """A letter that left, with the facts of it that no letter since has been matched with. `unconfirmed`: it may have."""

    message_id: UUID
    child: list[str]
    facts: list[str]
    unconfirmed: bool


class AlreadyLeft(msgspec.Struct, frozen=True):
    """All of it was told, by these."""

    messages: list[UUID]


class Unclear(msgspec.Struct, frozen=True):
    """A person must look: nobody knows whether it left, or only some of it was told."""

    reason: Literal["had_perhaps_left", "partly_left"]


class _Said(msgspec.Struct, frozen=True):
    """The part of a letter that counts."""

    child: LetterChild
    adults: list[LetterAdult]
    new_facts: list[Fact]
    changed_facts: list[ChangedFact]


def telling(content: str, keyed: Keyed) -> Telling:
    """What a letter (the JSON text of its bundle) tells. Numbers and dates of the letter itself do not count."""
    said = msgspec.json.decode(content, type=_Said)
    names = {adult.label: adult.name for adult in said.adults}
    told = [_fact(fact, names) for fact in said.new_facts]
    for changed in said.changed_facts:
        after = _fact(changed.after, names) if changed.after else ""
        told += [f"{_fact(changed.before, names)}>{after}", *([after] if after else [])]
    child = [keyed(f"number|{said.child.cpr}"), keyed(f"name|{said.child.name}")]
    return Telling(child, [keyed(f"fact|{each}") for each in dict.fromkeys(told)])


def _fact(fact: Fact, names: dict[str, str]) -> str:
    about = names.get(fact.adult, fact.adult)
    codes = (about, fact.occurred_on, fact.district, fact.text, fact.role, fact.outcome, fact.registered_on, fact.child_present)
    return "|".join(map(str, codes))


def under_newest_key(candidates: Iterable[Left], tellings: Sequence[Telling]) -> list[Left]:
    """Candidates that may be hashed under older keys, with what this letter tells too (`tellings`: under each key, the newest
    last) as the newest key has it.
    """
    newest = [*tellings[-1].child, *tellings[-1].facts]
    same = {older: new for each in tellings for older, new in zip([*each.child, *each.facts], newest, strict=True)}

    def renamed(hashes: Iterable[str]) -> list[str]:
        return [same.get(each, each) for each in hashes]

    return [msgspec.structs.replace(each, child=renamed(each.child), facts=renamed(each.facts)) for each in candidates]


def compare(letter: Telling, candidates: Collection[Left]) -> AlreadyLeft | Unclear | None:
    """What to do with a letter, given all that left and is not matched yet; None: nothing of it was told."""
    facts = set(letter.facts)
    about = [each for each in candidates if set(each.child) & set(letter.child)]
    told = [each for each in about if facts & set(each.facts)]
    if not told:
        # Its own earlier letters must be matched first: this one may tell the same facts in other words.
        return Unclear("partly_left") if any(each.child[0] == letter.child[0] for each in about) else None
    if any(each.unconfirmed for each in told):
        return Unclear("had_perhaps_left")
    covered = facts <= {fact for each in told for fact in each.facts}
    return AlreadyLeft([each.message_id for each in told]) if covered else Unclear("partly_left")
