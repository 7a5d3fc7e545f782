"""Known vulnerabilities of everything that is locked, asked of OSV (or of a mirror of it): `make audit`.

Python packages are pip-audit's business (by the lock file, hashes required, nothing skipped); jars are asked for by package URL,
all in one request. That nobody answers is a failure of its own, never a clean bill.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from deploy.supply.inventory import PYTHON_LOCK, ROOT, Component, jars

SERVICE = "https://api.osv.dev"
VARIABLE = "SOCIALSOG_OSV_URL"
PIP_AUDIT = ROOT / ".venv-supply" / "bin" / "pip-audit"
TIMEOUT_SECONDS = 30
"""For one answer about all jars: OSV takes a second."""
EXIT_FOUND = 1
EXIT_UNAVAILABLE = 69
"""BSD's EX_UNAVAILABLE: nobody could be asked, so nothing is known."""


_MARKER = re.compile(r" ; [^\\\n]*\\$", re.MULTILINE)
"""Where a package is needed: taken off, because what is installed on another platform is asked about too."""

Answer = dict[str, Any]


class Unavailable(Exception):
    """The service did not answer, or not with an answer; the message says how."""


def vulnerable_jars(service: str, found: Sequence[Component]) -> dict[str, list[str]]:
    """Ids of known vulnerabilities by package URL; only those that have any. Raises Unavailable."""
    result: dict[str, list[str]] = {}
    asked = [(each.purl, "") for each in found]
    while asked:
        queries: list[Answer] = [{"package": {"purl": purl}} | ({"page_token": page} if page else {}) for purl, page in asked]
        answers = _ask(f"{service}/v1/querybatch", queries)
        pages = zip(asked, answers, strict=True)
        asked = []
        for (purl, _), answer in pages:
            if ids := [str(each["id"]) for each in answer.get("vulns", [])]:
                result.setdefault(purl, []).extend(ids)
            if page := answer.get("next_page_token"):
                asked.append((purl, page))
    return result


def _ask(url: str, queries: list[Answer]) -> list[Answer]:
    try:
        response = httpx.post(url, json={"queries": queries}, timeout=TIMEOUT_SECONDS)
        response.raise_for_status()
        answers: list[Answer] = response.json()["results"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise Unavailable(f"{url} ({type(error).__name__})") from None
    if len(answers) != len(queries):
        raise Unavailable(f"{url} (answered {len(answers)} of {len(queries)} questions)")
    return answers


def vulnerable_packages(service: str, lock: Path = PYTHON_LOCK, tool: Path = PIP_AUDIT) -> dict[str, list[str]]:
    """The same for Python packages, by pip-audit. Raises Unavailable where it could not ask about each of them."""
    with tempfile.TemporaryDirectory() as folder:
        everywhere = Path(folder) / "requirements.txt"
        everywhere.write_text(_MARKER.sub(" \\\\", lock.read_text(encoding="utf-8")), encoding="utf-8")
        command = [str(tool), "--requirement", str(everywhere), "--require-hashes", "--disable-pip", "--strict"]
        asked = ["--vulnerability-service", "osv", "--osv-url", f"{service}/v1/query"]
        shown = ["--format", "json", "--progress-spinner", "off"]
        done = subprocess.run([*command, *asked, *shown], capture_output=True, text=True, check=False)
    try:
        answered = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"pip-audit gave no answer: {last}") from None
    return {
        f"pkg:pypi/{each['name']}@{each['version']}": [vulnerability["id"] for vulnerability in each["vulns"]]
        for each in answered
        if each.get("vulns")
    }


def main() -> int:
    """Ask and print; the exit code."""
    service = os.environ.get(VARIABLE, SERVICE).rstrip("/")
    locked = list(jars())
    try:
        found = vulnerable_jars(service, locked) | vulnerable_packages(service)
    except Unavailable as error:
        print(f"NOT AUDITED: no vulnerability service answers: {error}.", file=sys.stderr)
        print(f"Nothing is known about any package. Try where {service} can be reached, or set {VARIABLE}.", file=sys.stderr)
        return EXIT_UNAVAILABLE
    for purl, ids in sorted(found.items()):
        print(f"{purl}: {', '.join(sorted(ids))}")
    print(f"{len(found)} of the locked packages have known vulnerabilities, as {service} knows them today")
    return EXIT_FOUND if found else 0


if __name__ == "__main__":
    sys.exit(main())
