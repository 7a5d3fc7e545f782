"""The rules of the case: what is told, what is asked for next, and what each decision and delivery does to it."""

import pytest

from services.deduplication.domain.case import UnknownDraft, projection
from services.deduplication.handlers import week_before
from tests.unit.deduplication_book import MONDAY, Book, ids, ids_of, item, named, told

A, B = item("a"), item("b")


def test_a_child_never_told_gets_a_first_letter_with_all_evidence() -> None:
    book = Book()
    book.candidate(38, A, B)
    letter = book.letter()
    assert (letter.kind, letter.version, ids(letter.new), letter.earlier) == ("first", 1, ids_of("a", "b"), [])
    assert book.outcomes() == {"38": ("first", None)}
    assert book.state("a") == "reserved"


def test_only_what_was_sent_is_told() -> None:
    book = Book()
    book.candidate(38, A)
    letter = book.letter()
    book.decide(letter, "approved")
    book.deliver(letter, "pending")
    assert book.state("a") == "reserved"
    book.deliver(letter, "sent")
    assert book.state("a") == "told"
    assert book.draft() is None


def test_nothing_new_is_suppressed_with_its_reason() -> None:
    book = told(A, B)
    book.candidate(39, A, B)
    assert book.draft() is None
    assert book.outcomes()["39"] == ("nothing_new", "already_told")


def test_something_new_is_a_supplement_that_says_what_is_new() -> None:
    book = told(A)
    book.candidate(39, A, B)
    letter = book.letter()
    assert (letter.kind, ids(letter.new), ids(letter.earlier), letter.week) == (
        "supplement",
        ids_of("b"),
        ids_of("a"),
        "2026-W39",
    )


def test_something_new_before_sending_makes_the_next_version_of_the_open_draft() -> None:
    book = Book()
    book.candidate(38, A)
    first = book.letter()
    book.candidate(39, A, B)
    second = book.letter()
    assert (second.draft_id, second.version, second.kind, second.week) == (first.draft_id, 2, "first", "2026-W38")
    assert book.outcomes()["39"] == ("folded", None)
    book.candidate(40, A, B)
    assert book.letter() == second
    assert book.outcomes()["40"] == ("nothing_new", "in_open_draft")


def test_something_new_after_approval_comes_back_to_review_when_delivery_stops_the_older_version() -> None:
    book = Book()
    book.candidate(38, A)
    first = book.letter()
    book.decide(first, "approved")
    book.deliver(first, "pending")
    book.candidate(39, A, B)
    book.deliver(first, "returned", "newer_version")
    assert (book.letter().draft_id, book.letter().version, ids(book.letter().new)) == (first.draft_id, 2, ids_of("a", "b"))


def test_something_new_after_approval_is_a_supplement_when_the_older_version_was_sent() -> None:
    book = Book()
    book.candidate(38, A)
    first = book.letter()
    book.decide(first, "approved")
    book.candidate(39, A, B)
    book.deliver(first, "sent")
    letter = book.letter()
    assert (letter.kind, ids(letter.new), ids(letter.earlier)) == ("supplement", ids_of("b"), ids_of("a"))
    assert book.outcomes() == {"38": ("first", None), "39": ("supplement", None)}


@pytest.mark.parametrize("reason", ["irrelevant", "wrong_person", "already_known"])
def test_evidence_rejected_for_what_it_is_is_never_asked_for_again(reason: str) -> None:
    book = Book()
    book.candidate(38, A)
    book.decide(book.letter(), "rejected", reason)
    book.candidate(39, A)
    assert book.draft() is None
    assert book.state("a") == "unusable"
    assert book.outcomes()["39"] == ("nothing_new", "unusable")


def test_evidence_that_was_insufficient_is_free_for_a_later_run() -> None:
    book = Book()
    book.candidate(38, A)
    rejected = book.letter()
    book.decide(rejected, "rejected", "insufficient")
    assert book.draft() is None
    assert book.state("a") == "free"
    book.candidate(39, A, B)
    letter = book.letter()
    assert letter.draft_id != rejected.draft_id
    assert (letter.kind, ids(letter.new), letter.week) == ("first", ids_of("a", "b"), "2026-W39")


def test_what_a_reviewer_left_out_is_unusable_and_does_not_make_another_version() -> None:
    book = Book()
    book.candidate(38, A, B)
    letter = book.letter()
    book.decide(letter, "approved", left_out=["b"])
    assert book.letter() == letter
    book.deliver(letter, "sent", left_out=["b"])
    assert (book.state("a"), book.state("b"), book.draft()) == ("told", "unusable", None)


def test_what_was_left_out_comes_before_a_person_again_once_it_says_something_else() -> None:
    book = Book()
    book.candidate(38, A, B)
    letter = book.letter()
    book.decide(letter, "approved", left_out=["b"])
    book.deliver(letter, "sent", left_out=["b"])
    book.candidate(39, A, B)
    assert book.outcomes()["39"] == ("nothing_new", "unusable")
    book.changed(40, item("b", 2, role="victim"))
    assert (book.letter().kind, ids(book.letter().new)) == ("supplement", ids_of("b"))


def test_a_letter_says_how_far_the_police_searched_when_the_last_run_added_to_it() -> None:
    book = Book()
    book.candidate(38, A, missing=["1461"])
    letter = book.letter()
    assert (letter.week, letter.searched_week, letter.missing_districts) == ("2026-W38", "2026-W38", ["1461"])
    book.candidate(39, A, B)
    letter = book.letter()
    assert (letter.week, letter.searched_week, letter.missing_districts) == ("2026-W38", "2026-W39", [])


def test_what_was_left_out_is_known_from_delivery_before_the_decision_arrives() -> None:
    book = Book()
    book.candidate(38, A, B)
    letter = book.letter()
    book.deliver(letter, "sent", left_out=["b"])
    assert (book.state("a"), book.state("b")) == ("told", "unusable")


@pytest.mark.parametrize(("state", "reason"), [("suppressed", "dead"), ("refused", "insufficient")])
def test_a_letter_that_told_nobody_gives_its_evidence_free(state: str, reason: str | None) -> None:
    book = Book()
    book.candidate(38, A)
    book.deliver(book.letter(), state, reason)
    assert (book.state("a"), book.draft()) == ("free", None)
    book.candidate(39, A)
    assert book.letter().kind == "first"


@pytest.mark.parametrize(
    ("state", "reason"),
    [("returned", "no_municipality"), ("refused", "wrong_municipality"), ("failed", None), ("refused", "unreadable")],
)
def test_a_letter_that_came_back_is_reviewed_again_as_the_same_draft(state: str, reason: str) -> None:
    book = Book()
    book.candidate(38, A)
    letter = book.letter()
    book.decide(letter, "approved")
    book.deliver(letter, "sent")
    book.deliver(letter, state, reason)
    again = book.letter()
    assert (again.draft_id, again.version, again.kind, ids(again.new)) == (letter.draft_id, 2, "first", ids_of("a"))
    assert book.outcomes() == {"38": ("first", None)}


def test_evidence_that_the_municipality_calls_irrelevant_is_unusable() -> None:
    book = Book()
    book.candidate(38, A)
    letter = book.letter()
    book.deliver(letter, "sent")
    book.deliver(letter, "refused", "irrelevant")
    assert (book.state("a"), book.draft()) == ("unusable", None)


def test_reserved_evidence_that_changes_makes_the_next_version() -> None:
    book = Book()
    book.candidate(38, A, B)
    book.changed(39, item("a", 2, outcome="convicted"))
    letter = book.letter()
    assert letter.version == 2
    assert {each.outcome for each in letter.new} == {"convicted", "open"}
    book.changed(39, item("b", 2, live=False))
    assert (book.letter().version, ids(book.letter().new)) == (3, ids_of("a"))


def test_a_version_that_says_the_same_changes_nothing() -> None:
    book = Book()
    book.candidate(38, A)
    letter = book.letter()
    book.changed(39, item("a", 2))
    assert book.letter() == letter


def test_a_draft_with_nothing_left_is_closed_and_comes_back_with_its_evidence() -> None:
    book = Book()
    book.candidate(38, A)
    letter = book.letter()
    book.changed(39, item("a", 2, counts=False))
    closed = projection(book.cases["child"]).draft
    assert closed is not None
    assert (closed.draft_id, closed.version, closed.open) == (letter.draft_id, 1, False)
    book.changed(39, item("a", 3))
    assert (book.letter().draft_id, book.letter().version) == (letter.draft_id, 2)


def test_a_later_candidate_does_not_revive_an_emptied_draft_of_another_week() -> None:
    book = Book()
    book.candidate(38, A)
    emptied = book.letter()
    book.changed(39, item("a", 2, live=False))
    book.candidate(39, B)
    assert book.letter().draft_id != emptied.draft_id
    assert book.outcomes() == {"38": ("nothing_new", "withdrawn"), "39": ("first", None)}


def test_two_children_that_are_one_count_together_and_the_older_case_leads() -> None:
    book = Book(("child", "twin"))
    book.candidate(38, A)
    book.tell()
    book.candidate(38, A, B, child="twin")
    assert book.letter("twin").kind == "first"
    book.merged("twin", "child")
    assert book.draft("twin") is None
    letter = book.letter()
    assert (letter.kind, ids(letter.new), ids(letter.earlier)) == ("supplement", ids_of("b"), ids_of("a"))
    book.aliases.clear()
    book.settle()
    assert book.draft() is None
    assert ids(book.letter("twin").new) == ids_of("a", "b")


def test_an_open_draft_of_a_child_with_another_pseudonym_now_is_asked_for_under_that() -> None:
    book = Book()
    book.candidate(38, A)
    book.merged("child", "canonical")
    assert projection(book.cases["child"]).child == named("canonical")
    assert book.letter().version == 2


def test_a_decision_about_a_draft_that_was_never_asked_for_is_refused() -> None:
    book = Book()
    book.candidate(38, A)
    letter = book.letter()
    book.cases["child"] = Book().cases["child"]
    with pytest.raises(UnknownDraft):
        book.decide(letter, "approved")


def test_what_arrives_on_a_monday_belongs_to_the_week_that_just_ended() -> None:
    assert week_before(MONDAY) == "2026-W38"


def test_an_emptied_draft_that_was_approved_gets_a_newer_version_so_that_delivery_stops_it() -> None:
    book = Book()
    book.candidate(38, A)
    approved = book.letter()
    book.decide(approved, "approved")
    book.changed(39, item("a", 2, live=False))
    assert book.draft() is None
    book.candidate(39, B)
    assert (book.letter().draft_id, book.letter().version, ids(book.letter().new)) == (approved.draft_id, 2, ids_of("b"))
