"""Lines and manifests of the register: what is good, and how each kind of bad one is called."""

import json
from typing import Any

import pytest

from services.identity.domain.checks import Fault
from services.identity.domain.lines import InstitutionLine, PersonLine, institution_reader, person_reader
from services.identity.domain.manifest import Refused, parse
from services.identity.register.rows import address_rows, escaped, person_rows

ADDRESS = {"municipality": "751", "road": "Kanarievænget", "road_code": "0012", "house": "12a", "floor": "2.", "door": "TV",
           "single_unit": False, "from": "2020-04-01", "to": None}  # fmt: skip
LINE: dict[str, Any] = {
    "cpr": "7503851235", "current_cpr": None, "name": "Anna Zyntholm", "status": "01", "status_since": "1985-03-15",
    "birth_date": "1985-03-15", "sex": "M", "protected": False, "addresses": [ADDRESS],
    "parents": [{"cpr": "6101551235", "kind": "mother"}],
    "custody": [{"cpr": "6101551235", "type": "3", "from": "2020-04-01", "to": None}],
}  # fmt: skip
MANIFEST: dict[str, Any] = {
    "format": "socialsog-register/1", "kind": "full", "sequence": 1, "version_at": "2026-09-14T00:00:00+02:00", "rows": 1,
    "sha256": "0" * 64, "file": "register-00001.jsonl",
}  # fmt: skip


def read(**changes: Any) -> PersonLine | Fault:
    return person_reader().read(json.dumps({**LINE, **changes}).encode())


def read_good(**changes: Any) -> PersonLine:
    line = read(**changes)
    assert isinstance(line, PersonLine)
    return line


def test_a_good_line_and_the_least_that_is_one() -> None:
    assert read_good().addresses[0].house == "12a"
    least = {key: value for key, value in LINE.items() if key != "current_cpr"}
    least |= {"addresses": [{"municipality": "101", "from": "2020-01-01"}], "parents": [], "custody": [], "status": "03"}
    assert isinstance(person_reader().read(json.dumps(least).encode()), PersonLine)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"cpr": None}, Fault("missing_field", "cpr")),
        ({"name": ""}, Fault("missing_field", "name")),
        ({"addresses": None}, Fault("missing_field", "addresses")),
        ({"status": "60"}, Fault("missing_field", "current_cpr")),
        ({"cpr": "7513851235"}, Fault("bad_value", "cpr")),
        ({"cpr": "7503851235\n"}, Fault("bad_value", "cpr")),
        ({"cpr": "٧٥٠٣٨٥١٢٣٥"}, Fault("bad_value", "cpr")),
        ({"cpr": 7503851235}, Fault("bad_value", "cpr")),
        ({"cpr": "1", "birth_date": "2026-02-30"}, Fault("bad_value", "cpr")),
        ({"birth_date": "2026-02-30"}, Fault("bad_value", "birth_date")),
        ({"protected": "true"}, Fault("bad_value", "protected")),
        ({"name": "Anna\tZyntholm"}, Fault("bad_value", "name")),
        ({"name": "Anna\x00"}, Fault("bad_value", "name")),
        ({"status": "99"}, Fault("unknown_value", "status")),
        ({"sex": "X"}, Fault("unknown_value", "sex")),
        ({"current_cpr": "6101551235"}, Fault("bad_value", "current_cpr")),
        ({"current_cpr": "7503851235", "status": "60"}, Fault("bad_value", "current_cpr")),
        ({"surname": "Zyntholm"}, Fault("extra_field", None)),
        ({"addresses": [{**ADDRESS, "surname": "x"}]}, Fault("extra_field", None)),
        ({"addresses": [{**ADDRESS, "from": None}]}, Fault("bad_value", "addresses[0].from")),
        ({"addresses": [ADDRESS, {**ADDRESS, "house": "1\t2"}]}, Fault("bad_value", "addresses[1].house")),
        ({"parents": [{"cpr": "1", "kind": "mother"}]}, Fault("bad_value", "parents[0].cpr")),
        ({"parents": [{"cpr": "6101551235", "kind": "uncle"}]}, Fault("unknown_value", "parents[0].kind")),
        ({"custody": [{"cpr": "6101551235", "type": "9", "from": "2020-01-01"}]}, Fault("unknown_value", "custody[0].type")),
    ],
)
def test_each_fault_by_field_and_reason(changes: dict[str, Any], fault: Fault) -> None:
    assert read(**changes) == fault


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"\xff\xfe", b'"text"', b'{"cpr": "\\ud800"}'])
def test_what_cannot_be_read_is_called_so(line: bytes) -> None:
    assert person_reader().read(line) == Fault("unreadable")


def test_the_household_key_does_not_depend_on_how_it_is_written() -> None:
    row = "7503851235\t751\t751/0012/12A/2/tv\tTrue\t2020-04-01\tinfinity\n"
    assert address_rows([read_good()]) == row
    assert address_rows([read_good(addresses=[{**ADDRESS, "house": "12A", "floor": "2", "door": "tv"}])]) == row


@pytest.mark.parametrize(
    ("changes", "complete"),
    [({}, True), ({"door": ""}, False), ({"floor": None}, False), ({"house": ""}, False), ({"road_code": ""}, False),
     ({"road_code": None, "single_unit": True}, False),
     ({"floor": "", "door": "", "single_unit": True}, True), ({"house": "", "single_unit": True}, False)],
)  # fmt: skip
def test_a_complete_unit(changes: dict[str, Any], complete: bool) -> None:
    assert address_rows([read_good(addresses=[{**ADDRESS, **changes}])]).split("\t")[3] == str(complete)


def test_a_name_is_taken_as_it_is() -> None:
    assert escaped("Ærø\\N") == "Ærø\\\\N"
    assert "\tÆrø\\\\N\t" in person_rows([read_good(name="Ærø\\N")])


def test_institutions() -> None:
    line = {"municipality": "751", "road_code": "9901", "house": "1", "floor": "", "door": None, "type": "shelter"}
    assert isinstance(institution_reader().read(json.dumps(line).encode()), InstitutionLine)
    assert institution_reader().read(json.dumps({**line, "type": "inn"}).encode()) == Fault("unknown_value", "type")
    assert institution_reader().read(json.dumps({**line, "municipality": "75"}).encode()) == Fault("bad_value", "municipality")


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"format": "socialsog-extract/1"}, "unknown_format", "format"),
        ({"format": None}, "unknown_format", "format"),
        ({"kind": "some"}, "manifest_field", "kind"),
        ({"sequence": 0}, "manifest_field", "sequence"),
        ({"version_at": "2026-09-14T00:00:00"}, "manifest_field", "version_at"),
        ({"sha256": "0"}, "manifest_field", "sha256"),
        ({"file": None}, "manifest_field", "file"),
        ({"rows": 0}, "manifest_field", "file"),
        ({"more": 1}, "manifest_field", None),
        ({"sequence": 2}, "name_mismatch", "sequence"),
        ({"file": "../register-00001.jsonl"}, "name_mismatch", "file"),
    ],
)
def test_a_bad_manifest_is_refused(changes: dict[str, Any], reason: str, field: str | None) -> None:
    with pytest.raises(Refused) as refused:
        parse("register-00001.manifest.json", json.dumps({**MANIFEST, **changes}).encode())
    assert (refused.value.reason, refused.value.field) == (reason, field)


def test_a_good_manifest_and_what_is_none() -> None:
    assert parse("register-00001.manifest.json", json.dumps(MANIFEST).encode()).rows == 1
    for content in (b"", b"[]", b"\xff"):
        with pytest.raises(Refused) as refused:
            parse("register-00001.manifest.json", content)
        assert refused.value.reason == "manifest_unreadable"
