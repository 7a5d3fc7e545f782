"""What happens when evidence changes after its letter was sent: corrections, retractions, mergers."""

from datetime import date

from tests.unit.deduplication_book import Book, ids, ids_of, item, named, told

A, B = item("a"), item("b")


def test_a_change_after_sending_is_a_correction_that_names_the_notification() -> None:
    book = Book()
    book.candidate(38, A, B)
    notification = book.tell()
    book.changed(39, item("a", 2, role="witness", counts=False))
    letter = book.letter()
    assert (letter.kind, letter.corrects, letter.week) == ("correction", notification, "2026-W39")
    assert [(each.evidence_id, each.role) for each in letter.changed] == [(named("a"), "witness")]
    assert (letter.new, letter.earlier) == ([], [])
    book.tell()
    assert (book.draft(), book.state("a"), book.state("b")) == (None, "retracted", "told")


def test_all_that_was_told_withdrawn_is_a_retraction() -> None:
    book = told(A)
    book.changed(39, item("a", 2, live=False))
    assert book.letter().kind == "retraction"
    book.tell()
    assert (book.draft(), book.state("a")) == (None, "retracted")


def test_several_changes_fold_into_the_open_correction() -> None:
    book = told(A, B)
    book.changed(39, item("a", 2, outcome="convicted"))
    book.changed(40, item("b", 2, occurred_on=date(2026, 9, 2)))
    letter = book.letter()
    assert (letter.version, ids(letter.changed), letter.week) == (2, ids_of("a", "b"), "2026-W39")
    book.tell()
    assert (book.state("a"), book.state("b"), book.draft()) == ("corrected", "corrected", None)


def test_a_change_undone_before_it_was_told_closes_the_correction() -> None:
    book = told(A)
    book.changed(39, item("a", 2, live=False))
    book.changed(39, item("a", 3))
    assert book.draft() is None
    assert book.state("a") == "told"


def test_a_correction_that_a_person_rejects_is_not_asked_for_again_until_something_else_changes() -> None:
    book = told(A)
    book.changed(39, item("a", 2, outcome="convicted"))
    book.decide(book.letter(), "rejected", "insufficient")
    assert book.draft() is None
    book.changed(40, item("a", 3, outcome="fined"))
    assert book.letter().kind == "correction"


def test_a_correction_that_failed_comes_before_a_person_again() -> None:
    book = told(A)
    book.changed(39, item("a", 2, outcome="convicted"))
    failed = book.letter()
    book.deliver(failed, "failed")
    again = book.letter()
    assert (again.kind, again.draft_id, again.version) == ("correction", failed.draft_id, 2)
    assert [each.outcome for each in again.told] == ["open"]


def test_a_correction_goes_before_a_supplement_which_then_follows() -> None:
    book = told(A)
    book.candidate(39, A, B)
    supplement = book.letter()
    book.changed(39, item("a", 2, outcome="convicted"))
    assert (book.letter().kind, book.letter().draft_id, book.letter().version) == ("correction", supplement.draft_id, 2)
    assert book.outcomes()["39"] == ("waiting", None)
    book.tell()
    letter = book.letter()
    assert (letter.kind, ids(letter.new), ids(letter.earlier)) == ("supplement", ids_of("b"), ids_of("a"))
    assert letter.draft_id != supplement.draft_id
    assert book.outcomes()["39"] == ("supplement", None)


def test_a_change_that_races_with_the_sending_is_corrected_afterwards() -> None:
    book = Book()
    book.candidate(38, A)
    letter = book.letter()
    book.decide(letter, "approved")
    book.changed(39, item("a", 2, outcome="convicted"))
    assert book.letter().version == 2
    notification = book.deliver(letter, "sent")
    assert (book.letter().kind, book.letter().corrects) == ("correction", notification)


def test_a_correction_that_was_under_way_when_the_next_change_came_says_what_was_told_by_it() -> None:
    book = told(A)
    book.changed(39, item("a", 2, outcome="fined"))
    first = book.letter()
    book.decide(first, "approved")
    book.changed(39, item("a", 3, outcome="convicted"))
    assert [each.outcome for each in book.letter().told] == ["open"]
    book.deliver(first, "sent")
    letter = book.letter()
    assert ([each.outcome for each in letter.told], [each.outcome for each in letter.changed]) == (["fined"], ["convicted"])
    assert len(letter.letters) == 2


def test_what_was_withdrawn_is_not_repeated_as_told_earlier() -> None:
    book = told(A)
    book.candidate(39, A, B)
    book.changed(39, item("a", 2, live=False))
    book.decide(book.letter(), "rejected", "insufficient")
    letter = book.letter()
    assert (letter.kind, ids(letter.new), letter.earlier) == ("supplement", ids_of("b"), [])
    book.tell()
    book.changed(40, item("a", 3, outcome="convicted"))
    assert [each.outcome for each in book.letter().changed] == ["convicted"]


def test_what_was_told_of_another_child_while_two_were_taken_for_one_is_taken_back() -> None:
    book = Book(("child", "other"))
    book.candidate(38, A)
    book.tell()
    book.candidate(38, item("b", person=named("stranger")), child="other", adults=("stranger",))
    book.merged("other", "child")
    letter = book.letter()
    assert ids(letter.new) == ids_of("b")
    book.tell()
    del book.aliases[named("other")]
    book.settle()
    letter = book.letter()
    assert (letter.kind, [(each.evidence_id, each.live) for each in letter.changed]) == ("retraction", [(named("b"), False)])
    assert ids(book.letter("other").new) == ids_of("b")


def test_evidence_that_is_about_a_stranger_now_is_taken_back_without_the_stranger() -> None:
    book = told(A)
    book.changed(39, item("a", 2, person=named("stranger")))
    (changed,) = book.letter().changed
    assert (changed.live, changed.person) == (False, named("father"))


def test_evidence_that_is_about_the_other_parent_now_is_taken_back_and_then_told_as_new() -> None:
    book = Book()
    mother = item("b", person=named("mother"))
    book.candidate(38, A, mother, adults=("father", "mother"))
    book.tell()
    now = item("a", 2, person=named("mother"))
    book.changed(39, now)
    book.candidate(39, now, mother, adults=("father", "mother"))
    (changed,) = book.letter().changed
    assert (changed.live, changed.person) == (False, named("father"))
    assert book.outcomes()["39"] == ("waiting", None)
    book.tell()
    letter = book.letter()
    assert (letter.kind, ids(letter.new), ids(letter.earlier)) == ("supplement", ids_of("a"), ids_of("b"))
    book.tell()
    assert (book.draft(), book.state("a")) == (None, "told")


def test_another_pseudonym_of_the_same_adult_changes_nothing() -> None:
    book = told(A)
    book.aliases[named("other father")] = named("father")
    book.changed(39, item("a", 2, person=named("other father")))
    assert book.draft() is None


def test_each_municipality_that_was_told_gets_the_correction() -> None:
    book = told(A)
    book.candidate(39, A, B)
    supplement = book.tell("147")
    book.changed(40, item("a", 2, outcome="convicted"))
    assert book.letter().corrects != supplement
    book.tell("101")
    letter = book.letter()
    assert (letter.corrects, [each.outcome for each in letter.told]) == (supplement, ["open"])
    assert len(letter.letters) == 1, "the other municipality's letters are not this one's"
    book.tell("147")
    assert book.draft() is None


def test_merged_evidence_takes_its_told_state_along() -> None:
    book = told(A)
    book.changed(39, item("a", 2, live=False), merged_into="b")
    assert book.draft() is None
    book.changed(39, item("b"))
    assert book.draft() is None
    book.candidate(39, item("b"))
    assert book.outcomes()["39"] == ("nothing_new", "already_told")
    book.changed(40, item("b", 2, outcome="convicted"))
    letter = book.letter()
    assert (letter.kind, [(each.evidence_id, each.outcome) for each in letter.changed]) == (
        "correction",
        [(named("a"), "convicted")],
    )
    book.tell()
    assert book.draft() is None


def test_one_event_that_was_told_twice_is_taken_back_once() -> None:
    book = told(A, B)
    book.changed(39, item("a", 2), merged_into="b")
    (changed,) = book.letter().changed
    assert (book.letter().kind, changed.evidence_id, changed.live) == ("correction", named("a"), False)
    book.tell()
    assert book.draft() is None


def test_two_reserved_pieces_that_are_one_event_are_told_as_one() -> None:
    book = Book()
    book.candidate(38, A, B)
    book.changed(39, item("a", 2), merged_into="b")
    assert ids(book.letter().new) == ids_of("b")


def test_a_retracted_piece_that_stands_again_is_new_for_the_next_run() -> None:
    book = told(A)
    book.changed(39, item("a", 2, live=False))
    book.tell()
    book.changed(40, item("a", 3))
    assert book.draft() is None
    book.candidate(40, item("a", 3))
    assert (book.letter().kind, ids(book.letter().new)) == ("supplement", ids_of("a"))
    book.tell()
    assert (book.draft(), book.state("a")) == (None, "told")
