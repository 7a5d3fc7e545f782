"""intake on a real PostgreSQL: what becomes of rows, what is published and told, and that nothing of a person is kept."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from deploy.system import System
from events.extract import Extract, RowCounts
from events.topics import EXTRACT, RECORD
from services.intake import api, main
from services.intake.domain.row import FIELDS
from services.runtime.http import application
from tests.integration.intake_desk import TABLES, Desk, open_desk, prepare_system, pseudonym, resolve, row

FIXTURES = (prepare_system, open_desk)


def test_an_extract_becomes_records_and_says_up_to_where(desk: Desk) -> None:
    name = desk.deliver([row(1), row(2, superseded_journal_number="4200-81252-00009-26"), row(3, place=None)])
    desk.run()
    assert desk.state(name) == ("read", None, None)
    records = {event.data.person: event for event in desk.records()}
    assert set(records) == {pseudonym(row(number)["identity"]) for number in (1, 2, 3)}
    first, second, third = (records[pseudonym(row(number)["identity"])] for number in (1, 2, 3))
    assert first.data.supersedes is None
    assert second.data.supersedes not in (None, first.data.record_id, third.data.record_id)
    assert (first.data.standing, first.data.role, first.data.child_present) == ("identified", "charged", True)
    assert first.data.registered_at.isoformat() == "2026-09-16T08:12:00+02:00"
    assert first.data.place == second.data.place != third.data.place is None
    assert {event.aggregateversion for event in records.values()} == {1}
    assert {event.correlationid for event in records.values()} == {name}
    (said,) = desk.events(EXTRACT)
    assert said.data == Extract(name, "1461", 1, said.data.covers_until, RowCounts(3, 3), said.data.through)
    last = dict(desk.query("SELECT partition, last FROM outbox_position WHERE topic = %s", RECORD.name))
    assert said.data.through == [last.get(partition, 0) for partition in range(RECORD.partitions)]
    assert sum(said.data.through) == 3
    (entry,) = desk.audit("rows_read")
    assert (entry.verb, entry.purpose, entry.week) == ("collection", "screening", "2026-W38")
    assert sorted(entry.subjects) == sorted(records)


def test_a_superseded_row_that_comes_later_has_the_id_that_was_promised(desk: Desk) -> None:
    desk.deliver([row(2, superseded_journal_number=row(9)["journal_number"])])
    desk.deliver([row(9)], 2)
    desk.run()
    by_person = {event.data.person: event for event in desk.records()}
    older, newer = by_person[pseudonym(row(9)["identity"])], by_person[pseudonym(row(2)["identity"])]
    assert newer.data.supersedes == older.data.record_id
    assert (older.aggregateversion, desk.counts("1461-00002").new) == (1, 1)


def test_a_quiet_week_is_an_extract(desk: Desk) -> None:
    name = desk.deliver([])
    desk.run()
    (said,) = desk.events(EXTRACT)
    assert (said.data.extract_id, said.data.counts, said.data.through) == (name, RowCounts(), [0, 0, 0, 0])


def test_each_fate_across_extracts(desk: Desk) -> None:
    desk.deliver([row(number) for number in range(1, 6)] + [row(6, status="withdrawn")])
    second = [
        row(1),  # repeated
        row(2, 3, role="suspected"),  # corrected
        row(3, 2, status="withdrawn"),
        row(4, outcome="dropped"),  # the same revision with other content
        row(5, registered_at="2026-09-16T06:12:00Z"),  # the same moment: repeated
        row(6, 2),  # live again
        row(7),
    ]
    desk.deliver(second, 2)
    desk.deliver([row(2, 2), row(3, 1)], 3)  # stale, both
    desk.run()
    assert desk.counts("1461-00001") == RowCounts(6, new=5, withdrawn=1)
    assert desk.counts("1461-00002") == RowCounts(7, new=1, corrected=2, withdrawn=1, repeated=2, quarantined=1)
    assert desk.counts("1461-00003") == RowCounts(2, stale=2)
    assert desk.quarantine() == [("1461-00002", 4, "revision", "conflict")]
    found = {event.data.person: event for event in desk.latest().values()}
    latest = [found[pseudonym(row(number)["identity"])] for number in range(1, 8)]
    assert [event.aggregateversion for event in latest] == [1, 2, 2, 1, 1, 2, 1]
    assert [event.data.revision for event in latest] == [1, 3, 2, 1, 1, 2, 1]
    assert [event.data.status for event in latest] == ["live", "live", "withdrawn", "live", "live", "live", "live"]
    assert latest[1].data.role == "suspected"
    (entry,) = desk.audit("rows_quarantined")
    assert entry.detail == {"extract": "1461-00002", "reason_conflict": 1}
    ledger = desk.query("SELECT measure, amount FROM ledger WHERE week = '2026-W38'")
    assert {measure: int(amount) for measure, amount in ledger} == {
        "extracts": 3, "rows": 15, "rows_new": 6, "rows_corrected": 2, "rows_withdrawn": 2, "rows_repeated": 2, "rows_stale": 2,
        "rows_quarantined": 1,
    }  # fmt: skip


def test_several_rows_of_one_key_in_one_batch_meet_each_other(desk: Desk) -> None:
    desk.deliver([row(1), row(1), row(1, 2), row(1), row(1, 2, code="1255"), row(1, 3, status="withdrawn"), row(1, 2)])
    desk.run()
    assert desk.counts("1461-00001") == RowCounts(7, new=1, corrected=1, withdrawn=1, repeated=1, stale=2, quarantined=1)
    assert [event.aggregateversion for event in desk.records()] == [1, 2, 3]
    assert desk.quarantine() == [("1461-00001", 5, "revision", "conflict")]


def test_bad_rows_of_every_kind_beside_good_rows_in_csv(desk: Desk) -> None:
    def csv(**changes: Any) -> str:
        values = {**row(), **changes}.values()
        return ",".join(f'"{each}"' if "," in str(each) else "" if each is None else str(each) for each in values)

    good = csv(child_present="true")
    lines = [
        ",".join(FIELDS),
        good,
        "",
        csv(child_present="true", journal_number="4200-81252-00002-26", identity="nobody"),
        csv(child_present="maybe"),
        csv(child_present="true", role="boss"),
        csv(child_present="true", district="1460"),
        good + ",more",
        good.replace('tv"', "tv"),
        csv(child_present="true", code=None),
        "x" * 20_000,
        csv(child_present="true", journal_number="4200-81252-00003-26"),
    ]
    content = ("\r\n".join(lines)).encode() + b"\r\n\xff\xfe"
    (desk.folder / "1461-00001.csv").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    manifest = {"rows": 11, "sha256": digest, "file": "1461-00001.csv", "media_type": "text/csv"}
    name = desk.announce("1461-00001", manifest)
    desk.run()
    assert [line[1:] for line in desk.quarantine()] == [
        (4, "identity", "bad_value"),
        (5, "child_present", "bad_value"),
        (6, "role", "unknown_value"),
        (7, "district", "wrong_district"),
        (8, None, "extra_field"),
        (9, None, "unreadable"),
        (10, "code", "missing_field"),
        (11, None, "unreadable"),
        (13, None, "unreadable"),
    ]
    assert desk.counts(name) == RowCounts(11, new=2, quarantined=9)


def test_no_journal_number_identity_or_place_lies_anywhere_in_the_schema(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    desk.deliver([row(1), row(2, superseded_journal_number=row(3)["journal_number"]), row(1, 5), b'{"identity": "7503850001"'])
    desk.deliver([row(1, 5, place="Kanarievænget 13")], 2)
    desk.run()
    text = "".join(
        str(found) for table in TABLES.split(", ") for found in desk.owner.execute(f"SELECT t FROM {table} t".encode())
    )
    payloads = b"".join(payload for (payload,) in desk.query("SELECT payload FROM outbox")).decode()
    assert "1461-00001" in text
    logged = capfd.readouterr()
    for canary in ("4200-8125", "750385", "anariev", b"4200-8125".hex(), b"750385".hex()):
        assert canary not in text + payloads + logged.out + logged.err


@pytest.fixture
def doors(desk: Desk, tmp_path: Path) -> Iterator[TestClient[Any]]:
    kinds = {"operator-1": "operator", "auditor-1": "auditor", "screening": "service"}
    principals = [
        {"principal": who, "kind": kind, "sha256": hashlib.sha256(who.encode()).hexdigest()} for who, kind in kinds.items()
    ]
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "credentials.json").write_bytes(msgspec.json.encode(principals))
    with TestClient(application(replace(desk.settings, secrets=secrets), api.routes(desk.store), list)) as client:
        yield client


def test_the_doors_tell_what_became_of_extracts_and_rows(desk: Desk, doors: TestClient[Any]) -> None:
    desk.deliver([row(1), b"{", b"["])
    desk.deliver([row(1)], 1, "1460", sha256="00" * 32)
    desk.run()
    as_operator = {"authorization": "Bearer operator-1"}
    refused, taken = doors.get("/extracts", headers=as_operator).json()
    assert (refused["extract_id"], refused["state"], refused["reason"]) == ("1460-00001", "refused", "wrong_digest")
    assert "SHA-256" in refused["advice"]
    assert (refused["file"], taken["file"]) == ("1460-00001.manifest.json", "1461-00001.jsonl")
    assert (taken["state"], taken["rows"], taken["new"], taken["quarantined"]) == ("read", 3, 1, 2)
    lines = doors.get("/quarantine", params={"extract_id": "1461-00001"}, headers={"authorization": "Bearer auditor-1"}).json()
    assert [(line["file"], line["line"], line["reason"], line["field"]) for line in lines] == [
        ("1461-00001.jsonl", 2, "unreadable", None),
        ("1461-00001.jsonl", 3, "unreadable", None),
    ]
    assert lines[0]["advice"]
    assert lines[0]["sha256"] == hashlib.sha256((desk.folder / "1461-00001.jsonl").read_bytes()).hexdigest()
    assert doors.get("/quarantine", params={"after": 2}, headers=as_operator).json() == lines[1:]
    assert doors.get("/quarantine", params={"extract_id": "1460-00001"}, headers=as_operator).json() == []
    for path in ("/extracts", "/quarantine"):
        assert doors.get(path).status_code == 401
        assert doors.get(path, headers={"authorization": "Bearer screening"}).status_code == 403


def test_the_composition_root_puts_it_together(intake_system: System) -> None:
    service = main.build(intake_system.settings("intake"), resolve)
    try:
        with service.store.transaction() as transaction:
            assert transaction.service == "intake"
    finally:
        service.store.close()
