"""Readiness: what a service says of itself, and what the containers' health check makes of the answer."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from typing import Any, cast
from unittest.mock import MagicMock

import pytest

from deploy.waiting import wait_until
from services.runtime import readiness
from services.runtime.database import Store
from services.runtime.errors import Transient
from services.runtime.readiness import Readiness

CHECK = Path(__file__).parents[2] / "deploy" / "images" / "ready.py"


class Database:
    """A store whose database is there, away, or hangs until told otherwise."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False
        self.goes_on = Signal()
        self.goes_on.set()

    def transaction(self) -> AbstractContextManager[Any]:
        self.asked += 1
        self.goes_on.wait()
        if self.away:
            raise Transient("away")
        return nullcontext(MagicMock())


def ready(database: Database, assigned: Signal | None = None) -> Readiness:
    return Readiness(cast(Store, database), assigned)


def test_who_reads_no_topics_waits_for_its_database_only() -> None:
    assert ready(Database()).missing() == []


def test_who_reads_topics_waits_until_they_are_assigned_and_whenever_they_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "BELIEVED_SECONDS", -1.0)
    database, assigned = Database(), Signal()
    found = ready(database, assigned)
    assert found.missing() == ["consumer"]
    assigned.set()
    assert found.missing() == []
    database.away = True
    assert found.missing() == ["database"]
    assigned.clear()
    assert found.missing() == ["consumer", "database"]


def test_however_many_ask_the_database_is_asked_once_in_a_while() -> None:
    database = Database()
    found = ready(database)
    assert [found.missing() for _ in range(100)] == [[]] * 100
    assert database.asked == 1


def test_a_database_that_hangs_holds_only_who_asked_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "ANSWER_SECONDS", 0.1)
    database = Database()
    found = ready(database)
    database.goes_on.clear()
    first = Thread(target=found.missing)
    first.start()
    wait_until(lambda: database.asked > 0, 10, "the database is asked", every=0.01)
    assert found.missing() == ["database"]
    database.goes_on.set()
    first.join()
    assert found.missing() == []


@contextmanager
def door(status: int) -> Iterator[int]:
    """A port where every question gets this answer."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def checked(port: int) -> int:
    """Exit code of the health check, as the containers run it."""
    return subprocess.run([sys.executable, "-IS", CHECK, str(port)], check=False).returncode


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (500, 1)])
def test_a_container_is_healthy_exactly_when_its_service_says_that_it_is_ready(status: int, code: int) -> None:
    with door(status) as port:
        assert checked(port) == code


def test_a_container_where_nothing_listens_is_not_healthy() -> None:
    with door(200) as port:
        pass
    assert checked(port) == 1
