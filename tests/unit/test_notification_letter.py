"""What a letter says and does not say: Danish words, nothing that tells more than it must, and always the same bytes."""

import re
from dataclasses import replace
from datetime import date, datetime
from html.parser import HTMLParser
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from events.candidate import CandidateAdult
from events.evidence import EvidenceItem
from events.http.identity import AdultRelation, UnmaskAnswer, UnmaskedAdult
from events.letter import EarlierLetter, Letter, LetterAdult
from events.record import Outcome, Role
from events.weeks import COPENHAGEN
from services.notification.domain import words
from services.notification.domain.law import legal_basis
from services.notification.domain.letter import Told, compose, to_name
from services.notification.rendering import bundle, digest, environment
from services.notification.work import material as material_of
from services.runtime.errors import Poison
from tests.notification_samples import (
    CHILD,
    DISTURBANCE,
    FATHER,
    MOTHER,
    NOW,
    PARTNER,
    PEOPLE,
    VIOLENCE,
    case_draft,
    child,
    item,
    key,
    letter,
    material,
    waiting,
)


def page(made: Letter) -> str:
    return msgspec.json.decode(bundle(made), type=Letter).html


def told(*items: EvidenceItem) -> Told:
    return Told({each.evidence_id: each for each in items}, [EarlierLetter(key("first letter"), date(2026, 9, 14))])


def test_first_letter_says_in_danish_what_is_registered() -> None:
    text = page(letter())
    for expected in (
        '<html lang="da">',
        "<h1>Underretning</h1>",
        "Østjyllands Politi",
        "Dato: 21. september 2026",
        "Liv Syntetisk",
        "710916-1234",
        "barnets lov § 133",
        "uge 38 i 2026",
        "Åge Øksemager",
        "voksen med samme folkeregisteradresse som barnet",
        "Simpel vold",
        "15. september 2026",
        "Husspektakler (et barn er registreret som til stede)",
        "sigtet",
        "forurettet",
        "verserende",
        "registreret 17. september 2026",
        "Akutte forhold meddeles altid telefonisk og ikke ad denne vej.",
        "Politiet har ikke orienteret forældrene.",
        "Det indeholder ingen vurdering af barnet eller familien.",
        "underrettertype 6: Politi eller domstol",
    ):
        assert expected in text, expected


def test_both_forms_tell_the_same_facts() -> None:
    made = letter()
    assert [(fact.number, fact.text, fact.adult, fact.district) for fact in made.new_facts] == [
        (1, "Simpel vold", "Voksen 2", "Sydøstjyllands Politi"),
        (2, "Husspektakler", "Voksen 1", "Midt- og Vestjyllands Politi"),
    ]
    text = page(made)
    for fact in made.new_facts:
        assert fact.source in text
    assert [adult.label for adult in made.adults] == ["Voksen 1", "Voksen 2"]
    assert [adult.relation for adult in made.adults] == ["mother", "household"]
    assert made.statistics.suggested_reasons == [
        "Højt konfliktniveau eller vold mellem voksne",
        "Kriminalitet hos forældre eller andre voksne",
    ]


def test_nothing_internal_and_nobody_else_is_in_the_bundle() -> None:
    content = bundle(letter(left_out=frozenset({VIOLENCE.evidence_id})))
    draft = case_draft()
    internal = [CHILD, MOTHER, PARTNER, draft.draft_id, draft.run_id, key("case"), VIOLENCE.evidence_id, DISTURBANCE.evidence_id]
    assert not [each for each in internal if str(each) in content]
    assert "Åge" not in content, "an adult whose only fact is left out is not mentioned"
    assert "Aarhus" not in content, "the letter names no recipient"
    assert not re.search(r"\d{4}-\d{5}-\d{5}-\d{2}|[Aa]dresse:|score|risiko|H-001|1252", content)


def test_a_protected_child_is_said_to_be_and_not_even_the_district_tells_where_it_lives() -> None:
    made = letter(child=child(protected=True, municipality="851"))
    text = page(made)
    assert "navne- og adressebeskyttelse" in text
    assert made.notifier.office == words.district_name(DISTURBANCE.district)
    assert "Nordjyllands" not in text


def test_a_name_is_text_and_never_markup() -> None:
    nasty = "<script>alert('x')</script> & Søn"
    text = page(letter(child=child(name=nasty)))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "&amp; Søn" in text


def test_a_missing_field_is_an_error_and_never_a_blank() -> None:
    with pytest.raises(UndefinedError):
        environment().from_string("{{ letter.nothing }}").render(letter=letter())


@given(st.permutations([VIOLENCE, DISTURBANCE, item("third", 15, MOTHER), item("fourth", 3)]), st.booleans())
def test_the_order_of_the_input_never_matters(items: list[EvidenceItem], swapped: bool) -> None:
    adults = case_draft().adults[:: -1 if swapped else 1]
    parents = [PEOPLE[MOTHER], PEOPLE[FATHER]][:: -1 if swapped else 1]
    made = letter(case_draft(new=items, adults=adults), parents=parents)
    fixed = letter(case_draft(new=sorted(items, key=lambda each: each.evidence_id)))
    assert digest(bundle(made)) == digest(bundle(fixed))
    days = [fact.occurred_on for fact in made.new_facts]
    assert days == sorted(days)


@given(name=st.text(min_size=1, max_size=30))
def test_any_name_survives_the_bundle(name: str) -> None:
    content = bundle(letter(child=child(name=name)))
    assert msgspec.json.decode(content, type=Letter).child.name == name
    assert bundle(letter(child=child(name=name))) == content


def test_a_supplement_says_what_is_new_and_what_was_told() -> None:
    draft = case_draft(kind="supplement", new=[DISTURBANCE], earlier=[VIOLENCE])
    made = letter(draft, told(VIOLENCE))
    text = page(made)
    assert "<h1>Supplerende underretning</h1>" in text
    assert text.index("Nye oplysninger siden politiets sidste brev om barnet") < text.index(
        "Oplysninger, som er meddelt tidligere"
    )
    assert [fact.number for fact in (*made.new_facts, *made.earlier_facts)] == [1, 2]
    assert "14. september 2026 (brevnummer" in text


def test_a_correction_shows_before_and_after() -> None:
    after = msgspec.structs.replace(VIOLENCE, version=2, outcome="acquitted")
    made = letter(case_draft(kind="correction", new=[], changed=[after], corrects=key("notification")), told(VIOLENCE))
    changed = made.changed_facts[0]
    assert changed.change == "corrected"
    assert changed.after is not None
    assert (changed.before.outcome_text, changed.after.outcome_text) == ("verserende", "afgjort ved dom (frifindelse)")
    text = page(made)
    assert "Berigtigelse af tidligere underretning" in text
    assert "Rettet til" in text
    assert "berigtiges i overensstemmelse med afsnittet »Ændrede oplysninger«" in text
    assert str(key("notification")) not in text


def test_a_code_that_is_not_searched_for_any_more_suggests_no_reason() -> None:
    after = msgspec.structs.replace(VIOLENCE, version=2, code="2610", text="Andet forhold", category="", counts=False)
    made = letter(case_draft(kind="correction", new=[], changed=[after], corrects=key("notification")), told(VIOLENCE))
    assert made.statistics.suggested_reasons == []
    assert "Forslag til årsag" not in page(made)


def test_the_status_is_said_of_the_case_and_never_of_the_victim_beside_it() -> None:
    for outcome in ("charged", "convicted", "fined", "acquitted"):
        assert words.OUTCOMES[outcome].startswith(("sigtelse ", "afgjort "))


def test_a_child_without_registered_parents_is_said_to_have_none_there() -> None:
    assert "Der er ikke registreret forældre til barnet i folkeregistret." in page(letter(parents=[]))


def test_a_correction_that_does_not_know_what_was_told_is_not_composed() -> None:
    draft = case_draft(kind="correction", new=[], changed=[msgspec.structs.replace(VIOLENCE, outcome="acquitted")])
    with pytest.raises(Poison, match="told_unknown"):
        material_of(waiting(draft), Told({}, []), NOW, UnmaskAnswer(child(), [], [PEOPLE[PARTNER]]), [PARTNER])


def test_a_retraction_asks_that_it_is_no_longer_relied_on() -> None:
    gone = msgspec.structs.replace(VIOLENCE, version=2, live=False)
    text = page(letter(case_draft(kind="retraction", new=[], changed=[gone]), told(VIOLENCE)))
    assert "Tilbagekaldelse af oplysninger" in text
    assert "Trukket tilbage" in text
    assert "gælder ikke længere for Voksen 1" in text
    assert "gælder ikke længere som meddelt" in text.replace("\n", " ")


def test_evidence_that_turns_out_to_be_about_a_stranger_is_withdrawn_and_the_stranger_not_named() -> None:
    stranger = key("stranger")
    now = msgspec.structs.replace(VIOLENCE, version=2, person=stranger)
    draft = case_draft(kind="retraction", new=[], changed=[now])
    assert stranger not in to_name(draft, told(VIOLENCE))
    made = letter(draft, told(VIOLENCE))
    assert made.changed_facts[0].change == "withdrawn"
    assert [adult.name for adult in made.adults] == ["Åge Øksemager"]


def test_a_fact_that_was_told_under_an_older_pseudonym_is_corrected_and_not_withdrawn() -> None:
    old = key("old pseudonym")
    before, after = (
        msgspec.structs.replace(VIOLENCE, person=old),
        msgspec.structs.replace(VIOLENCE, version=2, outcome="convicted"),
    )
    draft = case_draft(kind="correction", new=[], changed=[after])
    asked = to_name(draft, told(before))
    answered = UnmaskAnswer(child(), [], [PEOPLE[PARTNER if person == old else person] for person in asked])
    made = compose(material_of(waiting(draft), told(before), NOW, answered, asked))
    assert [(each.change, each.after and each.after.outcome) for each in made.changed_facts] == [("corrected", "convicted")]
    assert [(adult.name, adult.relation) for adult in made.adults] == [("Åge Øksemager", "household")]


def test_two_pseudonyms_of_one_person_are_one_adult() -> None:
    old = key("old pseudonym")
    draft = case_draft(new=[VIOLENCE, item("second", 16, old)])
    given = material(case_draft())
    made = compose(replace(given, draft=draft, people={**PEOPLE, old: PEOPLE[PARTNER]}))
    assert [fact.adult for fact in made.new_facts] == ["Voksen 1", "Voksen 1"]


def test_a_parent_whose_number_changed_is_one_adult_even_where_identity_answers_with_both() -> None:
    old = key("old pseudonym")
    answered = [PEOPLE[MOTHER], msgspec.structs.replace(PEOPLE[MOTHER], pseudonym=old), PEOPLE[PARTNER]]
    draft = case_draft(new=[DISTURBANCE, item("before", 10, old), VIOLENCE])
    given = material_of(waiting(draft), Told({}, []), NOW, UnmaskAnswer(child(), [], answered), [MOTHER, old, PARTNER])
    assert [adult.name for adult in compose(given).adults] == ["Signe Syntetisk", "Åge Øksemager"]


def test_a_tie_that_ended_is_told_as_it_was() -> None:
    gone = UnmaskedAdult(PARTNER, "Åge Øksemager", "none")
    draft = case_draft(new=[VIOLENCE], adults=[CandidateAdult(PARTNER, ["household"], [])])
    assert letter(draft, people={PARTNER: gone}).adults[0].relation_text.endswith("ved søgningen")


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (["1460"], "Nordjyllands Politi"),
        (["1460", "1461"], "Nordjyllands Politi og Østjyllands Politi"),
        (["1461", "1460", "1470"], "Københavns Politi, Nordjyllands Politi og Østjyllands Politi"),
    ],
)
def test_missing_districts_are_said(missing: list[str], said: str) -> None:
    text = page(letter(case_draft(missing_districts=missing))).replace("\n", " ")
    assert f"Oplysninger fra {said} var ikke modtaget" in text


@pytest.mark.parametrize(("day", "section"), [(date(2023, 12, 31), "§ 153"), (date(2024, 1, 1), "§ 133")])
def test_the_legal_basis_follows_the_date(day: date, section: str) -> None:
    assert legal_basis(day).section == section
    assert section in page(letter(asked_at=datetime(day.year, day.month, day.day, tzinfo=COPENHAGEN)))


def test_dates_are_danish_dates() -> None:
    late = item("late", registered_at=datetime.fromisoformat("2026-09-15T22:30:00+00:00"))
    assert letter(case_draft(new=[late])).new_facts[0].registered_on == date(2026, 9, 16)


def test_every_code_has_a_danish_word() -> None:
    assert set(words.ROLES) == set(get_args(Role))
    assert set(words.OUTCOMES) == set(get_args(Outcome))
    assert words.reasons([("NO_SUCH_CATEGORY", "charged")]) == ["Andet"]


def test_a_victim_is_no_criminal_and_what_does_not_count_any_more_suggests_nothing() -> None:
    crime = "Kriminalitet hos forældre eller andre voksne"
    assert words.reasons([("VIOLENCE", "suspected")]) == words.reasons([("PROPERTY", "charged")]) == [crime]
    assert words.reasons([("VIOLENCE", "victim")]) == ["Højt konfliktniveau eller vold mellem voksne"]
    assert words.reasons([("THREATS", "victim"), ("SEXUAL_CHILD", "suspected"), ("NEGLECT", "charged")]) == ["Andet"]
    acquitted = msgspec.structs.replace(VIOLENCE, outcome="acquitted", counts=False, version=2)
    made = letter(case_draft(kind="correction", new=[], changed=[acquitted]), told=told(VIOLENCE))
    assert (made.changed_facts[0].change, made.statistics.suggested_reasons) == ("corrected", [])


def test_not_even_the_order_of_adults_tells_with_whom_a_protected_child_lives() -> None:
    def labelled(father: AdultRelation, partner: AdultRelation) -> list[LetterAdult]:
        people = {FATHER: UnmaskedAdult(FATHER, "Bo", father), PARTNER: UnmaskedAdult(PARTNER, "Åge", partner)}
        draft = case_draft(new=[VIOLENCE, item("of the other", 15, FATHER)], adults=[CandidateAdult(PARTNER, ["custody"], [])])
        return letter(draft, people=people, child=child(protected=True)).adults

    assert labelled("household", "none") == labelled("none", "household") == labelled("none", "none")


@pytest.mark.parametrize("relation", ["household", "none"])
def test_a_protected_child_s_letter_does_not_tell_with_whom_it_lives_or_lived(relation: AdultRelation) -> None:
    partner = UnmaskedAdult(PARTNER, "Åge Øksemager", relation)
    draft = case_draft(new=[VIOLENCE], adults=[CandidateAdult(PARTNER, ["household"], [])])
    content = bundle(letter(draft, people={PARTNER: partner}, child=child(protected=True)))
    assert "voksen med tilknytning til barnet" in content
    assert "household" not in content
    assert "folkeregisteradresse som barnet" not in content


class Outline(HTMLParser):
    """Collects what a screen reader needs: headings in order, captions, header cells."""

    def __init__(self) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.tags: list[str] = []
        self.unscoped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if re.fullmatch(r"h\d", tag):
            self.headings.append(int(tag[1]))
        self.unscoped += tag == "th" and "scope" not in dict(attrs)


def test_the_page_is_accessible_and_stands_alone() -> None:
    draft = case_draft(kind="correction", changed=[item("old")], earlier=[item("told")])
    text = page(letter(draft, told(item("old"))))
    outline = Outline()
    outline.feed(text)
    assert outline.headings[0] == 1
    assert set(outline.headings[1:]) == {2}
    assert outline.tags.count("caption") == outline.tags.count("table") == 5
    assert outline.unscoped == 0
    assert not {"script", "img", "link", "iframe"} & set(outline.tags)
    assert "http" not in text
    assert "@page { size: A4" in text
