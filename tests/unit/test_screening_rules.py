"""Rules of screening: weeks, chains, catalogue, verdicts, brakes. Order and repetition never matter."""

import json
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import get_args
from uuid import UUID, uuid4

import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events import weeks
from events.candidate import CandidateAdult, FiredRule
from events.http.identity import ExcludedTie, Tie
from events.record import Role
from services.screening import schema
from services.screening.domain import brakes
from services.screening.domain import catalogue as rules
from services.screening.domain.brakes import Tally
from services.screening.domain.chains import Link, Piece, pieces, root, state
from services.screening.domain.verdicts import Verdict, children, verdicts
from services.screening.main import plan
from services.screening.shelf import FOLDER, Shelf, read

DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))
ENTRY = read(FOLDER / "2026-1.yaml")
CATALOGUE = ENTRY.catalogue


# weeks


@given(DAYS)
def test_a_day_lies_in_its_week_and_weeks_follow_without_gap(day: date) -> None:
    week = weeks.label(day)
    assert weeks.start(week) <= weeks.local(day) < weeks.end(week)
    assert weeks.end(week) == weeks.start(weeks.following(week))
    assert weeks.label(weeks.monday(week)) == week
    assert week < weeks.following(week)  # their text sorts as they follow


@given(DAYS)
def test_a_week_is_seven_days_by_the_danish_clock(day: date) -> None:
    week = weeks.label(day)
    hours = (weeks.end(week).astimezone(UTC) - weeks.start(week).astimezone(UTC)) / timedelta(hours=1)
    assert hours in (167, 168, 169)
    assert weeks.start(week).time() == weeks.end(week).time() == time()


def test_week_53_and_the_weeks_of_the_clock_changes() -> None:
    assert weeks.following("2026-W52") == "2026-W53"
    assert weeks.following("2026-W53") == "2027-W01"
    assert weeks.end("2026-W53").isoformat() == "2027-01-04T00:00:00+01:00"
    assert weeks.start("2026-W43").isoformat() == "2026-10-19T00:00:00+02:00"
    assert weeks.end("2026-W43").isoformat() == "2026-10-26T00:00:00+01:00"
    assert weeks.end("2026-W13").isoformat() == "2026-03-30T00:00:00+02:00"
    assert weeks.after_end("2026-W13", time(5)).isoformat() == "2026-03-30T05:00:00+02:00"


@pytest.mark.parametrize("text", ["2025-W53", "2026-W00", "2026-W54", "2026-40", "2026-w40", "", "2026-W400"])
def test_what_is_no_week_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        weeks.monday(text)


@given(DAYS, st.integers(0, 120))
def test_looking_back_never_goes_forward_and_keeps_the_day_where_the_month_has_it(day: date, months: int) -> None:
    week = weeks.label(day)
    since, until = weeks.months_before(week, months), weeks.end(week)
    assert since <= until
    assert (until.year - since.year) * 12 + until.month - since.month == months
    assert since.day <= until.day
    assert since.time() == time()


def test_looking_back_from_a_31st() -> None:
    assert weeks.months_before("2026-W35", 6).isoformat() == "2026-02-28T00:00:00+01:00"  # the week ends on 31 August


def test_a_moment_has_its_danish_date() -> None:
    assert weeks.danish_date(datetime(2026, 9, 20, 21, 59, 59, tzinfo=UTC)) == date(2026, 9, 20)
    assert weeks.danish_date(datetime(2026, 9, 20, 22, 0, tzinfo=UTC)) == date(2026, 9, 21)


# chains

IDS = [UUID(int=number) for number in range(1, 9)]
LINKS = st.lists(
    st.builds(
        Link,
        st.sampled_from(IDS),
        st.booleans(),
        st.none() | st.sampled_from(IDS),
        st.integers(0, 3).map(lambda hour: datetime(2026, 9, 15, hour, tzinfo=UTC)),
    ),
    unique_by=lambda link: link.record_id,
    max_size=8,
)


def link(number: int, supersedes: int | None = None, live: bool = True, hour: int = 0) -> Link:
    return Link(IDS[number], live, None if supersedes is None else IDS[supersedes], datetime(2026, 9, 15, hour, tzinfo=UTC))


@given(LINKS, st.randoms())
def test_order_and_repetition_of_records_do_not_matter(links: list[Link], random: Random) -> None:
    shuffled = [*links, *links[:3]]
    random.shuffle(shuffled)
    assert set(pieces(shuffled)) == set(pieces(links))


@given(LINKS)
def test_every_record_is_in_one_piece_and_a_piece_lives_when_a_record_does(links: list[Link]) -> None:
    found = pieces(links)
    members = [member for piece in found for member in piece.members]
    assert sorted(members) == sorted(each.record_id for each in links)
    living = {each.record_id for each in links if each.live}
    for piece in found:
        assert piece.live == bool(living & set(piece.members))
        assert piece.tip in piece.members
        assert not piece.live or piece.tip in living


@given(LINKS)
def test_a_piece_is_named_by_its_root_whether_or_not_the_root_has_arrived(links: list[Link]) -> None:
    parents = {each.record_id: each.supersedes for each in links if each.supersedes}
    for piece in pieces(links):
        assert {root(member, parents) for member in piece.members} == {piece.evidence_id}


def test_a_transferred_case_is_one_piece_told_by_the_newer_record() -> None:
    assert pieces([link(0), link(1, 0)]) == [Piece(IDS[0], True, IDS[1], (IDS[0], IDS[1]))]


def test_a_withdrawn_record_replaces_nothing() -> None:
    assert pieces([link(0), link(1, 0, live=False)])[0].tip == IDS[0]
    assert pieces([link(0), link(1, 0, live=False), link(2, 1)])[0].tip == IDS[2]


def test_all_withdrawn_is_told_by_the_latest() -> None:
    assert state(IDS[0], [link(0, live=False, hour=1), link(1, 0, live=False)]) == Piece(IDS[0], False, IDS[0], (IDS[0], IDS[1]))


def test_two_that_replace_the_same_record_the_later_registered_tells() -> None:
    assert pieces([link(0), link(1, 0, hour=2), link(2, 0, hour=1)])[0].tip == IDS[1]
    assert pieces([link(0), link(1, 0), link(2, 0)])[0].tip == IDS[2]


def test_records_that_replace_each_other_in_a_circle_still_count_once() -> None:
    (piece,) = pieces([link(0, 1), link(1, 0, hour=1)])
    assert (piece.evidence_id, piece.live, piece.tip) == (IDS[0], True, IDS[1])


# catalogue


def test_the_shipped_catalogue_says_what_the_rules_are() -> None:
    by_id = {rule.id: rule for rule in CATALOGUE.rules}
    assert {(rule.id, rule.pieces, rule.dates, rule.look_back_months) for rule in by_id.values()} == {
        ("R1", 2, 2, 12),
        ("R2", 3, 2, 24),
        ("R3", 4, 3, 12),
        ("R4", 1, 1, 3),
        ("R5", 2, 2, 12),
    }
    severe = {"1110", "1130", "1131", "1141", "1150", "1230", "1240", "1255", "1258", "1455", "H-003", "H-006"}
    assert {code for _, code in rules.members(CATALOGUE, by_id["R4"])} == severe
    assert {code for _, code in rules.members(CATALOGUE, by_id["R5"])} == {"H-002", "H-003"}
    assert len(rules.members(CATALOGUE, by_id["R3"])) == len(CATALOGUE.codes)
    assert ENTRY.lookup.find("GER4", "2610") is None


def test_synthetic_codes_are_marked_and_public_ones_name_their_source() -> None:
    assert all(code.synthetic == (code.scheme == "SYNTHETIC") == code.code.startswith("H-") for code in CATALOGUE.codes)
    assert all(code.source == "Danmarks Statistik" for code in CATALOGUE.codes if not code.synthetic)


@pytest.mark.parametrize(
    ("scheme", "code", "role", "outcome", "counts"),
    [
        ("GER4", "1252", "charged", "open", True),
        ("GER4", "1252", "victim", "none", False),
        ("GER4", "1250", "victim", "none", True),
        ("SYNTHETIC", "H-001", "victim", "none", True),
        ("GER4", "1255", "victim", "none", False),
        ("GER4", "1455", "victim", "none", True),
        ("GER4", "1455", "suspected", "open", True),
        ("GER4", "1110", "suspected", "open", True),
        ("GER4", "1435", "charged", "open", True),
        ("GER4", "1440", "charged", "open", True),
        ("GER4", "1292", "victim", "open", False),
        ("GER4", "1210", "victim", "none", False),
        ("GER4", "1210", "charged", "open", True),
        ("GER4", "1252", "witness", "none", False),
        ("GER4", "1252", "reporter", "none", False),
        ("GER4", "1252", "charged", "dropped", False),
        ("GER4", "1252", "charged", "acquitted", False),
        ("GER4", "2210", "charged", "fined", True),
        ("GER4", "2610", "charged", "fined", False),
        ("SYNTHETIC", "1252", "charged", "open", False),
    ],
)
def test_what_counts(scheme: str, code: str, role: str, outcome: str, counts: bool) -> None:
    assert ENTRY.lookup.counts(scheme, code, role, outcome, False, date(2026, 9, 15)) is counts


def test_a_child_that_is_present_makes_the_victim_of_violence_count_and_nobody_else() -> None:
    def counting(child_present: bool) -> set[tuple[str, str]]:
        on, all_roles = date(2026, 9, 15), get_args(Role)
        pairs = [(code, role) for code in CATALOGUE.codes for role in all_roles]
        return {
            (code.category, role)
            for code, role in pairs
            if ENTRY.lookup.counts(code.scheme, code.code, role, "none", child_present, on)
        }

    at_home = {(category, "victim") for category in ("VIOLENCE_DOMESTIC", "FAMILY", "H_DISTURBANCE")}
    assert {each for each in counting(False) if each[1] not in CATALOGUE.counting.roles} == at_home
    assert counting(True) - counting(False) == {("VIOLENCE", "victim"), ("VIOLENCE_SERIOUS", "victim")}


def test_every_grave_code_meets_a_rule_by_itself_or_the_second_time() -> None:
    of_rule = {rule.id: {code for _, code in rules.members(CATALOGUE, rule)} for rule in CATALOGUE.rules}
    by_category = {name: {code.code for code in CATALOGUE.codes if code.category == name} for name in ("SEXUAL_CHILD", "FAMILY")}
    assert by_category["SEXUAL_CHILD"] | by_category["FAMILY"] <= of_rule["R4"]
    violent = {code.code for code in CATALOGUE.codes if code.category.startswith("VIOLENCE")}
    assert violent | by_category["FAMILY"] <= of_rule["R1"]
    assert {code.code for code in CATALOGUE.codes if code.category.startswith("DRUGS")} == {"1435", "1440", "3210"}
    assert {"1435", "1440", "3210"} <= of_rule["R2"]


def test_violence_against_a_public_servant_is_violence_to_every_rule() -> None:
    for rule in CATALOGUE.rules:
        assert rule.categories is None or ("VIOLENCE" in rule.categories) == ("VIOLENCE_OFFICIAL" in rule.categories)


def test_a_code_counts_within_its_dates_only() -> None:
    code = replace(CATALOGUE.codes[0], valid_from=date(2026, 1, 1), valid_until=date(2026, 12, 31))
    lookup = rules.Lookup(replace(CATALOGUE, codes=[code]))
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1)]
    assert [lookup.counts(code.scheme, code.code, "charged", "open", False, day) for day in days] == [False, True, True, False]


def test_a_catalogue_is_valid_for_whole_weeks() -> None:
    ends = replace(CATALOGUE, valid_until=date(2026, 9, 19))
    assert rules.covers(ends, "2026-W37")
    assert not rules.covers(ends, "2026-W38")
    assert rules.covers(CATALOGUE, "2026-W01")
    assert not rules.covers(CATALOGUE, "2025-W52")


def test_the_digest_is_of_the_content_and_not_of_its_spelling() -> None:
    again = msgspec.convert(yaml.safe_load(yaml.safe_dump(msgspec.to_builtins(CATALOGUE))), rules.Catalogue)
    assert rules.digest(again) == ENTRY.digest
    assert rules.digest(replace(CATALOGUE, note="x")) != ENTRY.digest


def test_a_catalogue_that_contradicts_itself_is_refused() -> None:
    unknown = replace(CATALOGUE.rules[0], categories=["NOWHERE"])
    twice = [*CATALOGUE.codes, CATALOGUE.codes[0]]
    for wrong in (replace(CATALOGUE, rules=[unknown]), replace(CATALOGUE, codes=twice)):
        with pytest.raises(rules.Invalid, match=r"NOWHERE|1110"):
            rules.check(wrong)


def test_the_schema_has_not_drifted_and_every_catalogue_obeys_it() -> None:
    assert schema.PATH.read_text(encoding="utf-8") == schema.text(), "run `python -m services.screening.schema`"
    for entry in Shelf().entries:
        jsonschema.validate(json.loads(rules.canonical(entry.catalogue)), schema.document())


# verdicts

R1, R4 = CATALOGUE.rules[0], CATALOGUE.rules[3]
ADULT, OTHER, CHILD = uuid4(), uuid4(), uuid4()


def verdict(ties: list[Tie], excluded: list[ExcludedTie], fired: bool = True, counted: bool = True) -> Verdict:
    rules_of = {ADULT: [R1]} if fired else {}
    return verdicts({ADULT: counted}, rules_of, children(rules_of, ties), ties, excluded)[ADULT]


def test_adults_of_one_child_merge_and_each_has_its_own_rules() -> None:
    ties = [Tie(ADULT, CHILD, ["parent"], 7), Tie(OTHER, CHILD, ["household"], 7)]
    found = children({ADULT: [R1], OTHER: [R1, R4]}, ties)
    expected = {
        CandidateAdult(ADULT, ["parent"], [FiredRule("R1", R1.title)]).person: ["R1"],
        OTHER: ["R1", "R4"],
    }
    assert {adult.person: [rule.rule for rule in adult.rules] for adult in found[CHILD]} == expected


def test_an_age_limit_is_for_each_child() -> None:
    small = replace(R4, child_under=3)
    ties = [Tie(ADULT, CHILD, ["parent"], 3), Tie(ADULT, OTHER, ["parent"], 2)]
    found = children({ADULT: [R1, small]}, ties)
    assert [[rule.rule for rule in found[child][0].rules] for child in (CHILD, OTHER)] == [["R1"], ["R1", "R4"]]


def test_every_adult_gets_one_verdict_with_its_reason() -> None:
    tie = Tie(ADULT, CHILD, ["parent"], 5)
    assert verdict([tie], []) == Verdict("rule_met", "")
    assert verdict([], [], fired=False) == Verdict("rule_not_met", "rule_not_met")
    assert verdict([], [], fired=False, counted=False) == Verdict("rule_not_met", "not_counted")
    assert verdict([], []) == Verdict("no_child", "no_child")
    assert verdict([], [ExcludedTie(ADULT, "of_age", 1)]) == Verdict("no_child", "of_age")
    assert verdict([replace(tie, age_years=18)], []) == Verdict("no_child", "of_age")
    both = [ExcludedTie(ADULT, "of_age", 1), ExcludedTie(ADULT, "institution", 2), ExcludedTie(ADULT, "crowded_address", 1)]
    assert verdict([], both) == Verdict("tie_excluded", "crowded_address,institution")


# brakes


def usual(*totals: int) -> list[Tally]:
    return [Tally(total, {"1461": total}) for total in totals]


def test_without_enough_runs_only_the_ceiling_brakes() -> None:
    assert brakes.reasons(Tally(500, {"1461": 500}), usual(1, 1), 500) == []
    assert brakes.reasons(Tally(501, {}), [], 500) == ["total 501 above ceiling 500"]


def test_a_flood_a_sudden_zero_and_one_district_brake() -> None:
    assert brakes.reasons(Tally(30, {"1461": 30}), usual(10, 8, 9), 500) == []
    assert brakes.reasons(Tally(31, {"1461": 31}), usual(10, 8, 9), 500) == [
        "total 31 outside 2 to 30",
        "1461 31 outside 2 to 30",
    ]
    assert brakes.reasons(Tally(0, {}), usual(5, 8, 9), 500) == ["total 0 outside 1 to 28", "1461 0 outside 1 to 28"]
    assert brakes.reasons(Tally(0, {}), usual(4, 8, 9), 500) == []
    assert brakes.reasons(Tally(15, {"1461": 4, "1460": 11}), usual(8, 8, 8), 500) == ["1460 11 outside 0 to 10"]


def test_a_missing_district_need_not_have_any() -> None:
    now = Tally(9, {"1460": 9})
    before = [Tally(19, {"1460": 9, "1461": 10})] * 3
    assert brakes.reasons(now, before, 500) == ["1461 0 outside 2 to 30"]
    assert brakes.reasons(now, before, 500, ["1461"]) == []


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=8))
def test_a_run_like_the_ones_before_is_always_believed(totals: list[int]) -> None:
    lowest, highest = brakes.bounds(totals)
    assert all(lowest <= total <= highest for total in totals)


@pytest.mark.parametrize("least", range(60))
def test_fewer_than_a_fifth_of_the_least_brakes_and_a_fifth_does_not(least: int) -> None:
    lowest, _ = brakes.bounds([least, least + 1])
    assert all((count < lowest) == (least >= 5 and 5 * count < least) for count in range(60))


def test_one_after_nine_brakes() -> None:
    assert brakes.reasons(Tally(1, {"1461": 1}), usual(9, 9, 12), 500) == ["total 1 outside 2 to 34", "1461 1 outside 2 to 34"]
    assert brakes.reasons(Tally(2, {"1461": 2}), usual(9, 9, 12), 500) == []


def test_the_plan_comes_from_the_environment() -> None:
    found = plan("2026-W38", {"SOCIALSOG_BRAKE_CEILING": "7", "SOCIALSOG_RUN_AT": "04:30"})
    assert (found.ceiling, found.run_at, found.deadline) == (7, time(4, 30), time(12))
