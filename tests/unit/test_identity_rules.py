"""Ages, ties and standings: what identity answers, without a database."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.http.identity import ExcludedTie, Tie, TieExclusion
from services.identity.domain.ages import age_years, last_day_before, latest_birth_of_age
from services.identity.domain.residence import standing
from services.identity.domain.ties import Candidate, exclusion, settle

ADULT, CHILD, OTHER = (UUID(int=number) for number in (1, 2, 3))
DAY = date(2026, 9, 20)
PARENT = Candidate(ADULT, CHILD, "parent", date(2015, 5, 5), "01")
HOUSEHOLD = PARENT._replace(basis="household", adults=2)
CUSTODY = PARENT._replace(basis="custody")


@pytest.mark.parametrize(
    ("born", "on", "years"),
    [
        (date(2008, 9, 20), date(2026, 9, 20), 18),
        (date(2008, 9, 21), date(2026, 9, 20), 17),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
        (date(2026, 9, 22), date(2026, 9, 20), 0),
    ],
)
def test_whole_years(born: date, on: date, years: int) -> None:
    assert age_years(born, on) == years


@given(st.dates(date(1940, 1, 1), date(2026, 1, 1)), st.dates(date(1960, 1, 1), date(2050, 1, 1)))
def test_of_age_is_the_same_by_years_and_by_latest_birth(born: date, on: date) -> None:
    assert (age_years(born, on) >= 18) == (born <= latest_birth_of_age(on))


def test_the_end_of_a_week_is_still_the_sunday() -> None:
    assert last_day_before(datetime(2026, 9, 20, 22, tzinfo=UTC)) == date(2026, 9, 20)
    assert last_day_before(datetime(2026, 9, 20, 22, 0, 1, tzinfo=UTC)) == date(2026, 9, 21)
    assert last_day_before(datetime(2026, 10, 25, 23, tzinfo=UTC)) == date(2026, 10, 25)


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (PARENT, None),
        (PARENT._replace(status="03"), None),
        (PARENT._replace(birth_date=date(2008, 9, 20)), "of_age"),
        (PARENT._replace(birth_date=date(2000, 1, 1), status="90"), "of_age"),
        *((PARENT._replace(status=status), "child_not_resident") for status in ("05", "20", "30", "50", "70", "80", "90")),
        (CUSTODY._replace(valid=False), "tie_not_valid"),
        (HOUSEHOLD._replace(adults=8), None),
        (HOUSEHOLD._replace(adults=9), "crowded_address"),
        (HOUSEHOLD._replace(adults=9, institution=True), "institution"),
        (HOUSEHOLD._replace(adults=9, institution=True, complete=False), "incomplete_address"),
    ],
)
def test_each_reason(candidate: Candidate, reason: TieExclusion | None) -> None:
    assert exclusion(candidate, DAY) == reason


def test_a_child_counts_once_with_every_basis_that_holds() -> None:
    ties, excluded = settle([HOUSEHOLD, PARENT, CUSTODY._replace(valid=False), PARENT], DAY)
    assert (ties, excluded) == ([Tie(ADULT, CHILD, ["parent", "household"], 11)], [])


def test_a_child_without_any_basis_counts_once_under_the_first_reason() -> None:
    crowded = HOUSEHOLD._replace(adults=20)
    ties, excluded = settle([crowded, CUSTODY._replace(valid=False), crowded._replace(child=OTHER)], DAY)
    assert ties == []
    assert excluded == [ExcludedTie(ADULT, "crowded_address", 1), ExcludedTie(ADULT, "tie_not_valid", 1)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("01", "resident"),
        ("03", "no_fixed_address"),
        ("07", "emigrated"),
        ("20", "unknown"),
        ("30", "annulled"),
        ("60", "unknown"),
        ("70", "disappeared"),
        ("80", "emigrated"),
        ("90", "dead"),
    ],
)
def test_standings(status: str, expected: str) -> None:
    assert standing(status, DAY, DAY, None) == expected


def test_a_status_that_begins_later_does_not_hold_yet() -> None:
    assert standing("80", date(2026, 10, 1), DAY, "751") == "resident"
    assert standing("80", date(2026, 10, 1), DAY, None) == "emigrated"
