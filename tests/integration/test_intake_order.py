"""intake on a real PostgreSQL: refusals, the order of extracts, kills in the middle, files that change under its hands."""

import random
from contextlib import suppress
from typing import Any

import httpx
import pytest

from events.extract import RowCounts
from events.http.identity import Identity, Resolved
from services.intake import batch
from services.runtime.errors import Transient
from services.runtime.work import WorkItem
from tests.integration.intake_desk import Desk, Row, open_desk, prepare_system, resolve, row

FIXTURES = (prepare_system, open_desk)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sha256": "00" * 32}, "wrong_digest"),
        ({"rows": 3}, "wrong_rows"),
        ({"rows": "2"}, "manifest_field"),
        ({"district": "1499"}, "unknown_district"),
        ({"district": "1460"}, "name_mismatch"),
        ({"format": "csv"}, "unknown_format"),
        ({"file": "1461-00001.csv"}, "data_missing"),
        ({"media_type": "text/csv", "rows": 1}, "wrong_header"),
        ({"sequence": 2}, "name_mismatch"),
    ],
)
def test_a_damaged_extract_is_refused_whole_and_once_until_it_is_mended(desk: Desk, changes: dict[str, Any], reason: str) -> None:
    name = desk.deliver([row(1), row(2)], **changes)
    assert desk.run() == 1
    assert desk.run() == 0
    state = desk.state(name)
    assert state[:2] == ("refused", reason)
    assert desk.records() == []
    assert [entry.detail for entry in desk.audit("extract_refused")] == [{"extract": name, "reason": reason}]
    assert [row[0] for row in desk.query("SELECT amount FROM ledger WHERE measure = 'extracts_refused'")] == [1]
    assert desk.query("SELECT measure, amount FROM ledger WHERE measure ~ '^refused:'") == [(f"refused:{reason}", 1)]
    desk.deliver([row(1), row(2)])
    desk.run()
    assert desk.state(name) == ("read", None, None)
    assert desk.query("SELECT amount FROM ledger WHERE measure ~ 'refused'") == []
    assert len(desk.audit("extract_refused")) == 1


def test_what_is_no_manifest_and_what_has_no_proper_name(desk: Desk) -> None:
    (desk.folder / "1461-00001.manifest.json").write_text("{")
    (desk.folder / "7503851235.manifest.json").write_text("{}")
    desk.run()
    assert desk.state("1461-00001") == ("refused", "manifest_unreadable", None)
    (stand_in,) = desk.query("SELECT name, reason FROM arrival WHERE name LIKE 'unexpected%%'")
    assert stand_in[1] == "name_mismatch"
    assert desk.run() == 0
    assert len(desk.audit("extract_refused")) == 2
    (desk.folder / "7503851235.manifest.json").unlink()
    desk.run()
    assert desk.query("SELECT count(*) FROM arrival") == [(1,)]


def test_a_gap_waits_for_the_missing_extract_and_the_rest_follows_by_itself(desk: Desk) -> None:
    desk.deliver([row(1, 3)], 3)
    desk.deliver([row(1, 2)], 2)
    desk.deliver([row(7, district="1460")], 1, "1460")
    desk.run()
    assert desk.state("1461-00003") == desk.state("1461-00002") == ("refused", "sequence_gap", None)
    assert desk.state("1460-00001") == ("read", None, None)
    desk.deliver([row(1)])
    desk.run()
    assert [desk.state(f"1461-{number:05d}")[0] for number in (1, 2, 3)] == ["read"] * 3
    assert [desk.counts(f"1461-{number:05d}").corrected for number in (1, 2, 3)] == [0, 1, 1]
    assert len(desk.audit("extract_refused")) == 2


def test_an_extract_waits_while_the_one_before_is_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "BATCH_ROWS", 1)
    desk.deliver([row(1), row(2), row(3)])
    desk.deliver([row(4)], 2)
    desk.run(2)
    assert desk.state("1461-00002") == ("waiting", None, None)
    assert desk.audit("extract_refused") == []
    desk.run()
    assert desk.state("1461-00002") == ("read", None, None)


def test_a_sequence_number_that_was_read(desk: Desk) -> None:
    desk.deliver([row(1)])
    desk.run()
    before = desk.end_state()
    desk.deliver([row(1)])
    desk.run()
    assert desk.end_state() == before
    assert desk.query("SELECT state, repeats FROM arrival") == [("accepted", 1)]
    desk.deliver([row(1), row(2)])
    desk.run()
    assert desk.state("1461-00001") == ("refused", "sequence_reused", None)
    desk.deliver([row(3)], 2, covers_until="2026-09-20T00:00:00+02:00")
    desk.run()
    assert desk.state("1461-00002") == ("refused", "covers_until_earlier", "covers_until")
    assert desk.end_state() == before


def test_a_wrong_year_is_refused_and_mended_under_the_same_number(desk: Desk) -> None:
    desk.deliver([row(1)])
    desk.deliver([row(2)], 2, covers_until="2027-09-28T00:00:00+02:00")
    desk.deliver([row(3)], 3)
    desk.run()
    assert desk.state("1461-00002") == ("refused", "covers_until_future", "covers_until")
    assert desk.state("1461-00003") == ("refused", "sequence_gap", None)
    desk.deliver([row(2)], 2)
    desk.run()
    assert [desk.state(f"1461-{number:05d}")[0] for number in (1, 2, 3)] == ["read"] * 3


def story() -> list[Row | bytes]:
    """Sixty lines with everything in them; the same every time."""
    chance = random.Random(38)
    rows: list[Row | bytes] = []
    for _ in range(60):
        number, revision = chance.randint(1, 12), chance.randint(1, 5)
        older = row(chance.randint(13, 15))["journal_number"] if chance.random() < 0.3 else None
        status = "withdrawn" if (number + revision) % 4 == 0 else "live"
        rows.append(row(number, revision, status=status, superseded_journal_number=older if revision == 3 else None))
        if chance.random() < 0.1:
            rows.append(b'{"unreadable":')
    return rows


@pytest.mark.parametrize("when", ["before_reading", "after_reading", "inside_the_transaction"])
def test_killed_in_the_middle_and_started_again_is_the_same(desk: Desk, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    monkeypatch.setattr(batch, "BATCH_ROWS", 7)
    desk.deliver(story())
    desk.deliver([row(3, 9), row(20)], 2)
    desk.run()
    expected = desk.end_state()
    desk.empty()
    for _ in range(200):
        kill(desk, when)
        if not desk.run(1):
            break
    assert desk.end_state() == expected
    assert desk.query("SELECT count(*) FROM dead_letter") == [(0,)]


def kill(desk: Desk, when: str) -> None:
    """One step that ends before its commit; then as much time passes as its claim lasts."""
    desk.scanner.scan()
    worker = desk.worker()
    found = worker._claim()
    if found is None:
        return
    if when != "before_reading":
        effects = desk.reader.read(found)
        if when == "inside_the_transaction":
            with suppress(KeyboardInterrupt), desk.store.transaction() as transaction:
                effects(transaction)
                raise KeyboardInterrupt
    desk.due()


def test_shuffled_split_and_repeated_deliveries_hold_the_same_in_the_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "BATCH_ROWS", 9)
    rows = [each for each in story() if isinstance(each, dict)]
    content = {(each["journal_number"], each["revision"]): each for each in rows}
    rows = [content[each["journal_number"], each["revision"]] for each in rows]  # one content per revision: no conflicts
    desk.deliver(rows)
    desk.run()
    expected = desk.held()
    for seed in range(3):
        desk.empty()
        chance = random.Random(seed)
        shuffled = rows + chance.sample(rows, 20)
        chance.shuffle(shuffled)
        borders = sorted(chance.sample(range(len(shuffled)), 3))
        parts = [shuffled[begin:end] for begin, end in zip([0, *borders], [*borders, len(shuffled)], strict=True)]
        for path in desk.folder.iterdir():
            path.unlink()
        for sequence in (3, 1, 4, 2):  # the files come in any order, too
            desk.deliver(parts[sequence - 1], sequence)
            desk.run()
        assert desk.held() == expected
        published = {event.data.record_id: event.data.revision for event in desk.latest().values()}
        assert published == dict(desk.query("SELECT record_id, revision FROM record WHERE version > 0"))


def test_a_file_that_is_touched_or_spoilt_while_it_is_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "BATCH_ROWS", 2)
    rows = [row(number) for number in range(1, 8)]
    name = desk.deliver(rows)
    data = desk.folder / f"{name}.jsonl"
    content = data.read_bytes()
    desk.run(2)
    data.write_bytes(content.replace(b"charged", b"witness"))
    desk.run()
    assert desk.state(name) == ("refused", "wrong_digest", "sha256")
    data.unlink()
    desk.run()
    assert desk.state(name) == ("refused", "data_missing", None)
    assert len(desk.records()) == 2
    data.write_bytes(content)
    desk.run()
    assert desk.state(name) == ("read", None, None)
    assert desk.counts(name) == RowCounts(7, new=7)
    assert {event.data.role for event in desk.records()} == {"charged"}


def test_identity_that_does_not_answer_leaves_the_work_for_later(desk: Desk) -> None:
    def away(_: list[Identity]) -> list[Resolved]:
        raise httpx.ConnectError("no")

    name = desk.deliver([row(1)])
    desk.resolve = away
    desk.run()
    assert desk.query("SELECT key, last_error, claimed FROM work") == [(name, "ConnectError", False)]
    assert (desk.records(), desk.query("SELECT count(*) FROM dead_letter")) == ([], [(0,)])
    desk.resolve = resolve
    desk.due()
    desk.run()
    assert desk.state(name) == ("read", None, None)


def test_two_copies_never_take_the_same_rows(desk: Desk) -> None:
    desk.deliver([row(1)])
    desk.run(1)
    item = WorkItem(0, "read", "1461-00001", b"{}", 1, 1, 0)
    first, second = desk.reader.read(item), desk.reader.read(item)
    with desk.store.transaction() as transaction:
        first(transaction)
    with pytest.raises(Transient), desk.store.transaction() as transaction:
        second(transaction)
    assert len(desk.records()) == 1
