"""What we are made of is told completely: each locked package with hash and licence, the page as generated, the audit honest."""

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from deploy.embedded.jars import locked
from deploy.supply import audit, licences
from deploy.supply.inventory import JAR_LOCKS, KNOWN, PYTHON_LOCK, ROOT, UNKNOWN, Component, components

FOUND = components()
SUPPLY = ROOT / ".venv-supply"
LOCKS = {"requirements": PYTHON_LOCK, "supply": ROOT / "deploy" / "supply" / "requirements.lock"}
GENERATED_ON = ("Linux", "x86_64", (3, 11))
"""Where the page's column *installed* was made: it depends on markers."""

# Who calls pytest by hand may do without them; in CI they are missing only by mistake, and the tests fail.
needs_supply_tools = pytest.mark.skipif(
    not SUPPLY.exists() and not os.environ.get("CI"), reason="`make test` sets up the supply tools, pytest alone does not"
)


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
def test_every_python_package_is_locked_with_a_hash(lock: Path) -> None:
    lines = re.findall(r"^[a-z0-9].*(?:\n    --hash=sha256:[0-9a-f]{64}.*)*", lock.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) > 30
    for line in lines:
        assert re.match(r"[\w.-]+==", line), line
        assert "--hash=sha256:" in line, line


def test_the_inventory_has_every_line_of_the_locks_with_its_hashes() -> None:
    names = re.findall(r"^([a-z0-9][\w.-]*)==", PYTHON_LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    assert [each.name for each in FOUND if each.kind == "pypi"] == names
    hashes = PYTHON_LOCK.read_text(encoding="utf-8").count("--hash=sha256:")
    assert sum(len(each.sha256) for each in FOUND if each.kind == "pypi") == hashes
    lines = [jar for lock in JAR_LOCKS for jar in locked(lock.read_text(encoding="ascii"))]
    jars = {(each.group, each.name, each.version, *each.sha256) for each in FOUND if each.kind == "maven"}
    assert jars == {tuple(jar) for jar in lines}


def test_every_locked_jar_has_a_licence_and_none_is_listed_that_is_gone() -> None:
    listed = [*KNOWN["jars"], *KNOWN["jars_by_project"]]
    assert sorted(listed) == sorted(f"{each.group}:{each.name}" for each in FOUND if each.kind == "maven")


def test_no_licence_is_unknown_and_none_forbids_what_we_do() -> None:
    assert [each.name for each in FOUND if each.licence == UNKNOWN] == []
    assert [each.name for each in FOUND if licences.obligation(each.licence) == "strong copyleft"] == []


@pytest.mark.parametrize(
    ("licence", "kind"),
    [
        ("MIT", "permissive"),
        ("MIT AND LGPL-3.0-only", "weak copyleft"),
        ("MIT OR GPL-3.0-only", "permissive"),
        ("AGPL-3.0-only", "strong copyleft"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "copyleft with exception"),
        (UNKNOWN, "not told"),
    ],
)
def test_obligations(licence: str, kind: str) -> None:
    assert licences.obligation(licence) == kind


# Elsewhere the page would rightly be another: nothing is missing that a machine could be given.
@pytest.mark.skipif(
    (platform.system(), platform.machine(), sys.version_info[:2]) != GENERATED_ON, reason="markers choose other packages here"
)
def test_the_page_of_licences_is_as_generated() -> None:
    assert licences.PATH.read_text(encoding="utf-8") == licences.text(FOUND), "run `make licences`"


@needs_supply_tools
def test_the_bill_of_materials_is_valid_complete_and_the_same_each_time() -> None:
    def make(command: str, text: str | None = None) -> str:
        python = SUPPLY / "bin" / "python" if text else Path(sys.executable)
        return subprocess.run([python, *command.split()], input=text, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    inventory = make("-m deploy.supply.inventory")
    bill = make("deploy/supply/sbom.py", inventory)  # refuses to write what breaks the standard's schema
    assert bill == make("deploy/supply/sbom.py", inventory)
    assert {each["purl"] for each in json.loads(bill)["components"]} == {each.purl for each in FOUND}


# the audit, against a service that speaks OSV

JARS = [Component("maven", "g", name, "1", (), "MIT", "jar", False) for name in ("a", "b", "c")]
Respond = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture
def service() -> Iterator[Callable[[Respond], str]]:
    """A vulnerability service on this machine; give it what it answers."""
    opened: list[ThreadingHTTPServer] = []

    def serve(respond: Respond) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                body = json.dumps(respond(asked)).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        opened.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in opened:
        server.shutdown()
        server.server_close()


def test_a_jar_is_asked_for_by_its_package_url_and_every_page_is_read(service: Callable[[Respond], str]) -> None:
    def respond(asked: dict[str, Any]) -> dict[str, Any]:
        pages = [(query["package"]["purl"], query.get("page_token")) for query in asked["queries"]]
        first: dict[str, Any] = {"vulns": [{"id": "GHSA-1"}], "next_page_token": "2"}
        known = {("pkg:maven/g/b@1", None): first, ("pkg:maven/g/b@1", "2"): {"vulns": [{"id": "GHSA-2"}]}}
        return {"results": [known.get(page, {}) for page in pages]}

    assert audit.vulnerable_jars(service(respond), JARS) == {"pkg:maven/g/b@1": ["GHSA-1", "GHSA-2"]}


@pytest.mark.parametrize("answer", [{}, {"results": []}, {"results": [{}, {}]}])
def test_an_answer_that_does_not_speak_of_each_jar_is_no_clean_bill(
    service: Callable[[Respond], str], answer: dict[str, Any]
) -> None:
    with pytest.raises(audit.Unavailable):
        audit.vulnerable_jars(service(lambda _: answer), JARS)


def test_where_nobody_answers_the_command_says_so_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(audit.VARIABLE, "http://127.0.0.1:9")  # the discard port: refused
    assert audit.main() == audit.EXIT_UNAVAILABLE
    assert "NOT AUDITED" in capsys.readouterr().err


@needs_supply_tools
def test_pip_audit_finds_what_the_service_knows_of_a_locked_package(service: Callable[[Respond], str], tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        f"left==1.0 ; sys_platform == 'never' \\\n    --hash=sha256:{'0' * 64}\nright==2.0 \\\n    --hash=sha256:{'1' * 64}\n",
        encoding="utf-8",
    )
    found = {
        "id": "GHSA-3",
        "modified": "2026-01-01T00:00:00Z",
        "affected": [{"package": {"name": "left", "ecosystem": "PyPI"}, "ranges": [], "versions": ["1.0"]}],
    }

    def respond(asked: dict[str, Any]) -> dict[str, Any]:
        return {"vulns": [found]} if asked["package"]["name"] == "left" else {}

    assert audit.vulnerable_packages(service(respond), lock) == {"pkg:pypi/left@1.0": ["GHSA-3"]}
    with pytest.raises(audit.Unavailable):
        audit.vulnerable_packages("http://127.0.0.1:9", lock)
