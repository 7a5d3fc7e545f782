"""Whether a letter has left already: compared by what it says, whatever its ids, its order and its own dates are."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.delivery.domain.left import AlreadyLeft, Left, Telling, Unclear, compare, telling, under_newest_key

ONE, TWO = uuid4(), uuid4()


def fact(text: str, adult: str = "Voksen 1", number: int = 1) -> dict[str, Any]:
    return {
        "number": number, "adult": adult, "occurred_on": "2026-09-15", "district": "Fyns Politi", "text": text, "role": "charged",
        "role_text": "sigtet", "outcome": "open", "outcome_text": "verserende", "registered_on": "2026-09-16", "source": "…",
        "child_present": False,
    }  # fmt: skip


def letter(
    new: Sequence[dict[str, Any]] = (),
    changed: Sequence[dict[str, Any]] = (),
    cpr: str = "610118-0000",
    name: str = "Ada",
    key: str = "",
) -> Telling:
    adults = [
        {"label": "Voksen 1", "name": "Bo", "relation": "father", "relation_text": "far"},
        {"label": "Voksen 2", "name": "Eva", "relation": "mother", "relation_text": "mor"},
    ]
    child = {"name": name, "cpr": cpr, "protected": False}
    said = {"letter_id": str(uuid4()), "child": child, "adults": adults, "new_facts": list(new), "changed_facts": list(changed)}
    return telling(json.dumps(said), lambda text: f"{key}<{text}>")


def left(*letters: Telling, ids: Sequence[UUID] = (ONE, TWO), unconfirmed: bool = False) -> list[Left]:
    return [Left(message, each.child, each.facts, unconfirmed) for message, each in zip(ids, letters, strict=False)]


def change(before: dict[str, Any], after: dict[str, Any] | None) -> dict[str, Any]:
    return {"number": 1, "change": "corrected" if after else "withdrawn", "before": before, "after": after}


A, B, C = fact("vold"), fact("trusler", "Voksen 2", 2), fact("husspektakel")


def test_the_same_facts_in_another_order_had_left() -> None:
    assert compare(letter([B, A | {"number": 7}]), left(letter([A, B]))) == AlreadyLeft([ONE])


def test_one_letter_may_tell_now_what_two_told_then() -> None:
    assert compare(letter([A, B]), left(letter([A]), letter([B]))) == AlreadyLeft([ONE, TWO])


def test_two_letters_may_tell_now_what_one_told_then() -> None:
    assert compare(letter([A]), left(letter([A, B]))) == AlreadyLeft([ONE])


def test_a_fact_corrected_then_is_told_when_it_is_composed_right_now() -> None:
    assert compare(letter([B]), left(letter([A]), letter(changed=[change(A, B)]))) == AlreadyLeft([TWO])


def test_a_withdrawal_had_left_only_if_a_withdrawal_did() -> None:
    gone = letter(changed=[change(A, None)])
    assert compare(gone, left(letter([A]))) == Unclear("partly_left")
    assert compare(gone, left(letter([A]), gone)) == AlreadyLeft([TWO])


def test_siblings_with_the_same_facts_are_not_each_other() -> None:
    assert compare(letter([A], cpr="620118-0000", name="Eva"), left(letter([A]))) is None


def test_a_child_whose_number_or_name_changed_meanwhile_is_recognised() -> None:
    assert compare(letter([A], cpr="620118-0000"), left(letter([A]))) == AlreadyLeft([ONE])
    assert compare(letter([A], name="Ada Ny"), left(letter([A]))) == AlreadyLeft([ONE])


def test_of_two_children_of_one_name_only_the_one_with_the_facts_had_left() -> None:
    assert compare(letter([C], cpr="620118-0000"), left(letter([A]))) is None


@pytest.mark.parametrize("facts", [[A, C], [C]])
def test_what_was_told_in_part_or_in_other_words_is_for_a_person(facts: list[dict[str, Any]]) -> None:
    assert compare(letter(facts), left(letter([A]))) == Unclear("partly_left")


def test_what_nobody_answered_is_for_a_person() -> None:
    assert compare(letter([A]), left(letter([A]), unconfirmed=True)) == Unclear("had_perhaps_left")


def test_the_same_words_about_another_adult_are_another_fact() -> None:
    assert compare(letter([A | {"adult": "Voksen 2"}]), left(letter([A]))) == Unclear("partly_left")


def test_what_was_written_down_under_older_keys_is_recognised() -> None:
    now = [letter([A, B], key=key) for key in ("old", "new")]
    told = left(letter([A], key="old"), letter([B], key="new"))
    assert compare(now[-1], under_newest_key(told, now)) == AlreadyLeft([ONE, TWO])
    assert compare(now[-1], under_newest_key(told[:1], now)) == Unclear("partly_left")
    other = [letter([C], key=key) for key in ("old", "new")]
    assert compare(other[-1], under_newest_key(left(letter([A], key="old")), other)) == Unclear("partly_left")
    sibling = [letter([A], cpr="620118-0000", name="Eva", key=key) for key in ("old", "new")]
    assert compare(sibling[-1], under_newest_key(told, sibling)) is None
