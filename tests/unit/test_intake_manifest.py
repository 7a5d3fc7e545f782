"""intake: which manifests are refused and why, what is done with an extract, and the check of the data file in a stream."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from services.intake.domain.line import HEADER
from services.intake.domain.manifest import EMPTY_SHA256, Accepted, Manifest, next_step, parse_manifest
from services.intake.domain.moments import moment
from services.intake.domain.reasons import REFUSALS, Refusal
from services.intake.inbox import LONGEST_LINE_BYTES, DataFile, Inbox
from services.intake.verify import Verified, verify

NAME = "1461-00003"
GOOD: dict[str, Any] = {
    "format": "socialsog-extract/1",
    "district": "1461",
    "sequence": 3,
    "covers_until": "2026-10-05T00:00:00+02:00",
    "rows": 123,
    "sha256": "9f" * 32,
    "file": "1461-00003.csv",
    "media_type": "text/csv",
}
QUIET = {"rows": 0, "file": None, "sha256": EMPTY_SHA256}


def manifest(**changes: Any) -> Manifest:
    return parse_manifest(NAME, json.dumps({**GOOD, **changes}).encode())


def refused(call: Any, *values: Any) -> tuple[str, str | None]:
    with pytest.raises(Refusal) as caught:
        call(*values)
    assert caught.value.reason in REFUSALS
    return caught.value.reason, caught.value.field


def test_a_good_manifest() -> None:
    found = manifest()
    assert (found.extract_id, found.week, found.rows) == (NAME, "2026-W40", 123)
    assert manifest(**QUIET).file is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"\xef\xbb\xbf{}", b"[" * 5000])
def test_what_is_no_object_is_unreadable(content: bytes) -> None:
    assert refused(parse_manifest, NAME, content) == ("manifest_unreadable", None)


@pytest.mark.parametrize("field", list(GOOD))
def test_each_field_is_needed(field: str) -> None:
    content = json.dumps({name: value for name, value in GOOD.items() if name != field}).encode()
    assert refused(parse_manifest, NAME, content) == ("manifest_field", field)


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"format": "socialsog-extract/2", "rows": "many"}, "unknown_format", None),
        ({"format": 1}, "manifest_field", "format"),
        ({"district": 1461}, "manifest_field", "district"),
        ({"district": "1499"}, "unknown_district", None),
        ({"sequence": 0}, "manifest_field", "sequence"),
        ({"sequence": True}, "manifest_field", "sequence"),
        ({"sequence": 4}, "name_mismatch", None),
        ({"covers_until": "2026-10-05"}, "manifest_field", "covers_until"),
        ({"rows": -1}, "manifest_field", "rows"),
        ({"sha256": "9F" * 32}, "manifest_field", "sha256"),
        ({"file": "../1461-00003.csv"}, "name_mismatch", "file"),
        ({"file": "1461-00004.csv"}, "name_mismatch", "file"),
        ({"file": None}, "manifest_field", "file"),
        ({"rows": 0}, "manifest_field", "file"),
        ({**QUIET, "sha256": "9f" * 32}, "wrong_digest", None),
        ({"media_type": "text/plain"}, "manifest_field", "media_type"),
        ({"media_type": ["text/csv"]}, "manifest_field", "media_type"),
        ({"remark": "x"}, "manifest_field", None),
    ],
)
def test_every_reason_of_refusing_a_manifest(changes: dict[str, Any], reason: str, field: str | None) -> None:
    assert refused(lambda: manifest(**changes)) == (reason, field)


def accepted(*, sha256: str = "9f" * 32, until: str = "2026-09-28T00:00:00+02:00", read: bool = True) -> Accepted:
    return Accepted(sha256, moment(until), read)


NOW = moment("2026-10-05T01:00:00+02:00")


def first(**changes: Any) -> Manifest:
    return parse_manifest("1461-00001", json.dumps({**GOOD, "sequence": 1, "file": "1461-00001.csv", **changes}).encode())


def test_what_is_done_with_an_extract() -> None:
    assert next_step(manifest(), None, accepted(), NOW) == "accept"
    assert next_step(manifest(), None, accepted(read=False), NOW) == "wait"
    assert next_step(manifest(), accepted(), accepted(), NOW) == "repeated"
    assert next_step(manifest(), accepted(read=False), accepted(), NOW) == "continue"
    assert refused(next_step, manifest(), None, None, NOW) == ("sequence_gap", None)
    assert refused(next_step, manifest(), accepted(sha256="00" * 32), accepted(), NOW) == ("sequence_reused", None)
    late = accepted(until="2026-10-05T00:00:01+02:00")
    assert refused(next_step, manifest(), None, late, NOW) == ("covers_until_earlier", "covers_until")
    assert next_step(first(), None, None, NOW) == "accept"


def test_an_extract_that_claims_the_future_is_refused_unless_clocks_may_explain_it() -> None:
    for step in (lambda now: next_step(manifest(), None, accepted(), now), lambda now: next_step(first(), None, None, now)):
        assert step(moment("2026-10-04T00:00:00+02:00")) == "accept"
        assert refused(step, moment("2026-10-03T23:59:59+02:00")) == ("covers_until_future", "covers_until")
    long_ago = moment("2026-09-01T00:00:00+02:00")
    assert next_step(manifest(), accepted(), accepted(), long_ago) == "repeated"
    assert next_step(manifest(), accepted(read=False), accepted(), long_ago) == "continue"


def checked(folder: Path, content: bytes, rows: int, media_type: str = "text/csv") -> Verified:
    (folder / "1461-00003.csv").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return verify(Inbox(folder), manifest(sha256=digest, rows=rows, media_type=media_type))


def test_the_data_file_must_be_what_the_manifest_says(tmp_path: Path) -> None:
    good = HEADER + b"\r\na\n\n\r\nb"
    found = checked(tmp_path, good, 2)
    assert (found.offset, found.line) == (len(HEADER) + 2, 1)
    assert checked(tmp_path, good, 3, "application/x-ndjson")[1:] == (0, 0)
    assert refused(checked, tmp_path, good, 3) == ("wrong_rows", "rows")
    assert refused(checked, tmp_path, b"a,b\nc\n", 1) == ("wrong_header", None)
    assert refused(checked, tmp_path, b"\n" + good, 2) == ("wrong_header", None)
    assert refused(checked, tmp_path, b"\xef\xbb\xbf" + good, 2) == ("wrong_header", None)
    assert refused(verify, Inbox(tmp_path), manifest()) == ("wrong_digest", "sha256")
    assert refused(verify, Inbox(tmp_path), manifest(file="1461-00003.jsonl")) == ("data_missing", None)
    assert verify(Inbox(tmp_path), manifest(**QUIET)) == ("", 0, 0)


def test_a_line_of_any_length_is_one_line_and_never_held_whole(tmp_path: Path) -> None:
    huge = b"x" * (3 * LONGEST_LINE_BYTES)
    content = HEADER + b"\n" + huge + b"\ngood\n" + b"y" * LONGEST_LINE_BYTES + b"\nlast"
    assert checked(tmp_path, content, 4).line == 1
    with DataFile(tmp_path / "1461-00003.csv") as data:
        lines = list(data.lines(len(HEADER) + 1))
    assert [line for _, line in lines] == [None, b"good", None, b"last"]
    assert sum(size for size, _ in lines) == len(content) - len(HEADER) - 1


def test_a_mark_changes_with_manifest_and_data(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    assert Inbox(tmp_path / "none").listing() is None
    for name in (".1461-00003.manifest.json", "1461-00003.csv", "readme.txt"):
        (tmp_path / name).write_text("x")
    assert inbox.listing() == {}
    (tmp_path / "1461-00003.manifest.json").write_text("x")
    (tmp_path / "1460-00001.manifest.json").write_text("x")
    before = inbox.listing()
    assert before is not None
    assert list(before) == ["1460-00001", NAME]
    assert before[NAME] == inbox.mark(NAME)
    (tmp_path / "1461-00003.csv").write_text("xy")
    assert inbox.mark(NAME) != before[NAME]
    assert inbox.manifest("1461-00009") is None
