"""intake: good rows become rows, and every kind of bad row has its documented reason and field – never its value."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.weeks import week_ending
from services.intake.domain.line import HEADER, csv_values, json_values
from services.intake.domain.moments import moment
from services.intake.domain.numbers import has_form, is_cpr
from services.intake.domain.reasons import FAULTS, Fault
from services.intake.domain.row import FIELDS, Row, RowParser

GOOD: dict[str, Any] = {
    "journal_number": "4200-81252-00001-26",
    "party_number": 1,
    "revision": 1,
    "status": "live",
    "superseded_journal_number": None,
    "district": "1461",
    "registered_at": "2026-09-16T08:12:00+02:00",
    "occurred_at": "2026-09-15T23:40:00+02:00",
    "code": "1252",
    "code_scheme": "GER4",
    "identity_kind": "CPR",
    "identity": "7503851235",
    "role": "charged",
    "outcome": "open",
    "place": "Kanarievænget 12, 2. tv",
    "child_present": True,
}
BAD: list[tuple[str, Any, str]] = [
    ("journal_number", "4200-811-1-26", "bad_value"),
    ("journal_number", "4200-81252-00001-26\n", "bad_value"),
    ("party_number", 0, "bad_value"),
    ("party_number", "first", "bad_value"),
    ("revision", 2**31, "bad_value"),
    ("revision", -1, "bad_value"),
    ("status", "deleted", "unknown_value"),
    ("superseded_journal_number", "4200", "bad_value"),
    ("superseded_journal_number", GOOD["journal_number"], "bad_value"),
    ("district", "1499", "unknown_value"),
    ("district", "1460", "wrong_district"),
    ("registered_at", "2026-13-45T08:00:00+02:00", "bad_value"),
    ("registered_at", "20260916T081200+0200", "bad_value"),
    ("registered_at", "0001-01-01T00:00:00+02:00", "bad_value"),
    ("occurred_at", "2026-09-15T12:00:00", "bad_value"),
    ("occurred_at", "2026-09-16T08:12:01+02:00", "bad_value"),
    ("code", "simpel vold", "bad_value"),
    ("code_scheme", "ger4", "bad_value"),
    ("identity_kind", "PAS", "unknown_value"),
    ("identity", "750385123", "bad_value"),
    ("identity", "9913901234", "bad_value"),
    ("identity", "060649AAAA", "bad_value"),
    ("role", "boss", "unknown_value"),
    ("outcome", "unsure", "unknown_value"),
    ("place", "x" * 201, "bad_value"),
    ("child_present", "maybe", "bad_value"),
]
BAD_JSON: list[tuple[str, Any, str]] = [
    ("party_number", True, "bad_value"),
    ("party_number", 1.0, "bad_value"),
    ("revision", "1", "bad_value"),
    ("revision", 10**30, "bad_value"),
    ("status", 5, "bad_value"),
    ("status", ["live"], "bad_value"),
    ("journal_number", 4200, "bad_value"),
    ("registered_at", 1789545600, "bad_value"),
    ("identity", 7503851235, "bad_value"),
    ("place", "first\nsecond", "bad_value"),
    ("place", 0, "bad_value"),
    ("superseded_journal_number", False, "bad_value"),
    ("child_present", 1, "bad_value"),
    ("child_present", "true", "bad_value"),
]
CSV = RowParser("text/csv", "1461", synthetic=True)
JSON = RowParser("application/x-ndjson", "1461", synthetic=True)


def as_csv(**changes: Any) -> bytes:
    values = {**GOOD, **changes}.values()
    return ",".join(f'"{value}"' if "," in (value := cell(each)) else value for each in values).encode()


def cell(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def as_json(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def from_csv(line: bytes) -> Row:
    return CSV.parse(csv_values(line))


def from_json(line: bytes) -> Row:
    return JSON.parse(json_values(line))


def fault_of(parse: Any, line: bytes) -> tuple[str, str | None]:
    with pytest.raises(Fault) as caught:
        parse(line)
    assert caught.value.reason in FAULTS
    return caught.value.reason, caught.value.field


def outcome(parse: Any, value: Any) -> Any:
    """What comes back, or the fault."""
    try:
        return parse(value)
    except Fault as fault:
        return fault


def test_both_formats_give_the_same_row() -> None:
    row = from_csv(as_csv())
    assert row == from_json(as_json())
    assert (row.journal_number, row.party_number, row.child_present) == ("4200-81252-00001-26", 1, True)
    assert row.registered_at == datetime(2026, 9, 16, 6, 12, tzinfo=UTC)
    assert HEADER.decode().split(",") == list(GOOD) == list(FIELDS)


@pytest.mark.parametrize(("field", "value", "reason"), BAD)
def test_a_bad_value_is_told_by_field_and_reason(field: str, value: Any, reason: str) -> None:
    if "\n" not in str(value):
        assert fault_of(from_csv, as_csv(**{field: value})) == (reason, field)
    assert fault_of(from_json, as_json(**{field: value})) == (reason, field)


@pytest.mark.parametrize(("field", "value", "reason"), BAD_JSON)
def test_json_types_are_strict(field: str, value: Any, reason: str) -> None:
    assert fault_of(from_json, as_json(**{field: value})) == (reason, field)


@pytest.mark.parametrize("written", ["01", "+1", "1.0", " 1", "١", "1_0"])
def test_a_number_in_csv_is_plain_digits(written: str) -> None:
    assert fault_of(from_csv, as_csv(revision=written)) == ("bad_value", "revision")


@pytest.mark.parametrize("field", [field for field in FIELDS if field not in ("superseded_journal_number", "place")])
def test_a_required_field_may_not_be_missing(field: str) -> None:
    without = {name: value for name, value in GOOD.items() if name != field}
    for line in (as_json(**{field: None}), as_json(**{field: ""}), json.dumps(without).encode()):
        assert fault_of(from_json, line) == ("missing_field", field)
    assert fault_of(from_csv, as_csv(**{field: None})) == ("missing_field", field)


def test_optional_fields_may_be_absent_empty_or_missing_at_the_end_of_nothing() -> None:
    for absent in (None, ""):
        row = from_json(as_json(place=absent, superseded_journal_number=absent))
        assert (row.place, row.superseded_journal_number) == (None, None)
    short = as_csv().rsplit(b",", 1)[0]
    assert fault_of(from_csv, short) == ("missing_field", "child_present")


def test_lines_that_are_no_rows() -> None:
    assert fault_of(from_csv, as_csv() + b"\xff") == ("unreadable", None)
    assert fault_of(from_csv, as_csv(place='"never closed').replace(b'""', b'"')) == ("unreadable", None)
    assert fault_of(from_csv, as_csv() + b",more") == ("extra_field", None)
    for line in (b"[]", b"{", b"7", b'{"a":"\xff"}', b"[" * 10_000, b"\xef\xbb\xbf" + as_json()):
        assert fault_of(from_json, line) == ("unreadable", None)
    assert fault_of(from_json, as_json(remark="x")) == ("extra_field", None)


def test_checks_run_in_the_documented_order() -> None:
    assert fault_of(from_json, as_json(journal_number="x", child_present=None)) == ("missing_field", "child_present")
    assert fault_of(from_json, as_json(journal_number="x", status="deleted")) == ("bad_value", "journal_number")
    assert fault_of(from_json, as_json(status="deleted", code="?")) == ("unknown_value", "status")
    assert fault_of(from_json, as_json(district="1460", code="?")) == ("wrong_district", "district")
    assert fault_of(from_json, as_json(identity="1", role="boss")) == ("bad_value", "identity")
    assert fault_of(from_json, as_json(occurred_at="2026-09-17T00:00:00Z", role="boss")) == ("unknown_value", "role")


@given(st.dictionaries(st.sampled_from(FIELDS), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers())))
def test_any_values_give_a_row_or_a_fault_and_nothing_else(changes: dict[str, Any]) -> None:
    found = outcome(JSON.parse, [{**GOOD, **changes}[name] for name in FIELDS])
    assert isinstance(found, Row) or (found.field in FIELDS and found.reason in FAULTS)


@given(st.binary())
def test_any_bytes_give_values_or_a_fault(line: bytes) -> None:
    for values in (csv_values, json_values):
        found = outcome(values, line)
        assert found.field is None if isinstance(found, Fault) else len(found) == len(FIELDS)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters='"\r\n')), min_size=16, max_size=16))
def test_the_short_way_of_csv_is_the_way_of_the_csv_module(values: list[str]) -> None:
    plain = [value.replace(",", ";") for value in values]
    quoted = ",".join(f'"{value}"' for value in plain)
    assert csv_values(",".join(plain).encode()) == csv_values(quoted.encode()) == plain


def test_a_synthetic_number_is_good_only_where_synthetic_persons_are_allowed() -> None:
    assert is_cpr("7503851235", synthetic=True)
    assert not is_cpr("7503851235", synthetic=False)
    strict = RowParser("application/x-ndjson", "1461", synthetic=False)
    assert fault_of(lambda line: strict.parse(json_values(line)), as_json()) == ("bad_value", "identity")


@pytest.mark.parametrize(
    ("kind", "number", "good"),
    [
        ("CPR", "1503851234", True),  # fails modulus 11, which is no reason
        ("CPR", "2902001234", False),  # 1900 was no leap year
        ("CPR", "2902004234", True),  # 2000 was
        ("CPR", "3102851234", False),
        ("CPR", "0003851234", False),
        ("CPR", "6003851234", False),
        ("CPR", "9203851234", False),
        ("CPR", "150385123x", False),
        ("ENR", "060649AAAA", True),
        ("ENR", "060649aaaa", False),
        ("UNR", "310649AAAA", True),
        ("UNR", "610649AAAA", True),
        ("UNR", "300649AAAA", False),
        ("UNR", "620649AAAA", False),
    ],
)
def test_forms_of_numbers(kind: str, number: str, good: bool) -> None:
    assert has_form(kind, number, synthetic=True) is good


@pytest.mark.parametrize(
    ("text", "week"),
    [
        ("2026-09-20T22:00:00Z", "2026-W38"),  # the end of week 38 is midnight in Denmark
        ("2026-09-20T22:00:01Z", "2026-W39"),
        ("2026-10-26T00:00:00+01:00", "2026-W43"),  # the week in which summer time ends
        ("2027-01-04T00:00:00+01:00", "2026-W53"),
    ],
)
def test_the_week_that_a_moment_ends(text: str, week: str) -> None:
    assert week_ending(moment(text)) == week
