"""What a trace tells, to whom it is sent, and what a log line carries meanwhile."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from uuid import UUID, uuid4

import msgspec
import pytest

from events import topics
from events.delivery import Delivery
from events.record import Record
from events.story import stories
from services.runtime import tracing
from services.runtime.log import JsonFormatter, bound, note
from services.runtime.spans import Spans
from services.runtime.transaction import Publication

OLDER, NEWER, EVIDENCE = UUID(int=1), UUID(int=2), UUID(int=3)
MOMENT = datetime(2026, 9, 21, tzinfo=UTC)


def record(supersedes: UUID | None = None) -> Record:
    return Record(
        NEWER, "1461-00001", 1, "live", supersedes, "1461", MOMENT, MOMENT,
        "1234", "GER", uuid4(), "identified", "charged", "open", None, False,
    )  # fmt: skip


def delivery() -> Delivery:
    return Delivery(
        uuid4(), uuid4(), 1, uuid4(), uuid4(), uuid4(), "2026-W38", "first", "147", "sent", None, [EVIDENCE, OLDER], None, []
    )


def test_a_row_belongs_to_its_own_story_and_to_that_of_the_row_it_supersedes() -> None:
    assert stories(record()) == [NEWER]
    assert stories(record(OLDER)) == [NEWER, OLDER]
    assert stories(delivery()) == [EVIDENCE, OLDER]
    assert stories("an audit entry, or what goes to a municipality") == []


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, bytes]]]:
    """An OTLP collector on a free port: path and body of what it was sent."""
    got: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        yield got
        server.shutdown()
        thread.join()


def test_a_collector_gets_the_row_and_its_record_and_no_pseudonym(collector: list[tuple[str, bytes]]) -> None:
    spans, fact = Spans("intake", None, 1.0), record()
    spans.published(NEWER, uuid4(), Publication(topics.RECORD, str(NEWER), 1, "1461-00001", fact), None, 1)
    spans.close()
    ((path, body),) = collector
    assert path == "/v1/traces"
    assert b"extract row" in body
    assert b"intake.record.v1" in body
    assert tracing.trace_id(NEWER).to_bytes(16) in body
    assert str(fact.person).encode() not in body


def test_every_service_follows_the_same_share_of_rows(collector: list[tuple[str, bytes]]) -> None:
    rows = [uuid4() for _ in range(400)]
    seen = []
    for service in ("intake", "delivery"):
        spans, before = Spans(service, None, 0.25), len(collector)
        for row in rows:
            spans.published(row, uuid4(), Publication(topics.DELIVERY, "k", 1, "c", delivery()), None, 1)
        spans.close()
        body = b"".join(body for _, body in collector[before:])
        seen.append({row for row in rows if tracing.trace_id(row).to_bytes(16) in body})
    assert seen[0] == seen[1]
    assert 50 < len(seen[0]) < 150


def test_nobody_follows_unless_the_environment_says_so() -> None:
    tracing.configure("intake", {"PATH": "/bin"})
    assert not tracing.on()


def test_a_log_line_carries_its_correlation_and_no_longer_than_it_lasts() -> None:
    def line() -> dict[str, object]:
        made = JsonFormatter("intake").format(logging.makeLogRecord({"msg": "event", "topic": "own"}))
        return msgspec.json.decode(made, type=dict[str, object])

    with bound(correlation="a", topic="outer"):
        with bound(part="scan"):
            note(correlation="b")
            assert (line()["correlation"], line()["topic"], line()["part"]) == ("b", "own", "scan")
        assert line()["correlation"] == "a"
    note(correlation="c")
    assert "correlation" not in line()
