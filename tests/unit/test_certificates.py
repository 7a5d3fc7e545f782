"""Certificates end: who looks is told in time, and a start replaces them before they do."""

import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from deploy import certificates
from deploy.certificates import SERVERS, Certificates
from services.runtime.checks.certificates import DAY_SECONDS, ends, shown
from services.runtime.checks.finding import Finding
from services.runtime.tls import trusting


def made(folder: Path, monkeypatch: pytest.MonkeyPatch, **days: float) -> Certificates:
    """Certificates that are good for so many days."""
    found = Certificates(folder)
    with monkeypatch.context() as patched:
        for name, value in days.items():
            patched.setattr(certificates, name, value)
        found.make()
    return found


@contextmanager
def door(found: Certificates, name: str) -> Iterator[int]:
    """The port of a server that shows its certificate once."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(found.certificate(name), found.key(name))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        serving = pool.submit(serve)
        yield listener.getsockname()[1]
        serving.result()


def seen(found: Certificates, name: str = "kafka") -> Finding:
    with door(found, name) as port:
        return shown("127.0.0.1", port, trusting(found.trusted), "embedded")


@pytest.mark.parametrize(
    ("days", "level", "mend"),
    [(397, "ok", ""), (30.5, "ok", ""), (29.5, "warn", "SECRET=tls make rotate"), (6.5, "bad", "SECRET=tls make rotate")],
)
def test_who_connects_is_told_when_a_certificate_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: float, level: str, mend: str
) -> None:
    found = seen(made(tmp_path, monkeypatch, SERVER_DAYS=days))
    assert (found.level, found.mend) == (level, mend)
    assert f"in {int(days)} days" in found.what or days == 397


def test_one_that_has_ended_is_named_with_what_mends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = seen(made(tmp_path, monkeypatch, SERVER_DAYS=-1 / 48))
    assert found.level == "bad"
    assert "expired" in found.what
    assert found.mend.startswith("make stop start")


def test_what_ends_soon_is_replaced_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = made(tmp_path, monkeypatch, SERVER_DAYS=29)
    found.issue(["audit"])
    before = found.certificate("audit").read_bytes(), found.trusted.read_bytes()
    assert not found.renew(within=timedelta(0)), "none has ended"
    assert found.renew() == [name for name in SERVERS if name != "audit"]
    assert (found.certificate("audit").read_bytes(), found.trusted.read_bytes()) == before
    assert seen(found).level == "ok"
    assert not found.renew()


@pytest.mark.parametrize("left", [29, -1 / 48])
def test_no_certificate_outlives_its_authority_which_is_replaced_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: float
) -> None:
    found = made(tmp_path, monkeypatch, AUTHORITY_DAYS=left)
    assert ends(found.certificate("kafka")) <= ends(found.certificate("ca"))
    assert found.renew() == list(SERVERS)
    assert [seen(found, name).level for name in ("kafka", "audit")] == ["ok", "ok"]
    assert ends(found.certificate("kafka")) - ends(found.certificate("ca")) < -300 * DAY_SECONDS


def test_an_authority_that_is_not_ours_gives_new_ones_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = made(tmp_path, monkeypatch, SERVER_DAYS=1)
    found.key("ca").unlink()
    assert not found.renew()
