"""Everything that is locked: Python packages and jars, each with version, hashes, licence, and whether it runs in production.

`python -m deploy.supply.inventory` writes it as JSON, which the bill of materials is made of. Licences come from the installed
packages' metadata and, where those are silent, from `licences.toml`.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from email.message import Message
from importlib.metadata import PackageNotFoundError, metadata, requires
from pathlib import Path
from typing import Any, Literal, cast

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.embedded.jars import locked

ROOT = Path(__file__).parents[2]
PYTHON_LOCK = ROOT / "requirements.lock"
JAR_LOCKS = (ROOT / "deploy" / "embedded" / "jars.lock", ROOT / "tests" / "system" / "postgres.lock")
KNOWN: dict[str, Any] = tomllib.loads(Path(__file__).with_name("licences.toml").read_text(encoding="utf-8"))
UNKNOWN = "unknown"
_LOCKED = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^\s;\\]+)(?P<rest>(?:.*\\\n)*.*)$", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Component:
    """One locked package. A Python package has a hash per file that may be installed; a jar has one."""

    kind: Literal["pypi", "maven"]
    group: str
    name: str
    version: str
    sha256: tuple[str, ...]
    licence: str
    source: str
    production: bool

    @property
    def purl(self) -> str:
        """Package URL, as vulnerability databases know it."""
        group = f"{self.group}/" if self.group else ""
        return f"pkg:{self.kind}/{group}{self.name}@{self.version}"


def components() -> list[Component]:
    """All of them, Python first, each part by name."""
    return [*python(PYTHON_LOCK.read_text(encoding="utf-8")), *jars()]


def python(lock: str) -> Iterator[Component]:
    """The packages of a requirements file with hashes."""
    production = runtime("socialsog")
    for found in _LOCKED.finditer(lock):
        name = canonicalize_name(found["name"])
        licence, source = _licence(name)
        hashes = tuple(sorted(_HASH.findall(found["rest"])))
        yield Component("pypi", "", name, found["version"], hashes, licence, source, name in production)


def jars() -> Iterator[Component]:
    """The jars of both lock files: the embedded broker and a test's PostgreSQL. Production brings its own."""
    lock = "".join(each.read_text(encoding="ascii") for each in JAR_LOCKS)
    for jar in sorted(locked(lock)):
        place = f"{jar.group}:{jar.artifact}"
        told, guessed = KNOWN["jars"].get(place), KNOWN["jars_by_project"].get(place)
        source = "jar" if told else "project" if guessed else UNKNOWN
        yield Component("maven", jar.group, jar.artifact, jar.version, (jar.sha256,), told or guessed or UNKNOWN, source, False)


def _licence(name: str) -> tuple[str, str]:
    """SPDX expression of a package and who says so."""
    if name in KNOWN["python"]:
        return KNOWN["python"][name], "licences.toml"
    try:
        found = cast("Message", metadata(name))
    except PackageNotFoundError:
        return UNKNOWN, "not installed here"
    if expression := found.get("License-Expression"):
        return expression, "metadata"
    return _old_style(found), "metadata"


def _old_style(found: Message) -> str:
    """From the classifiers, or else the free text, of metadata before SPDX expressions."""
    classifiers = [each.split(" :: ")[-1] for each in found.get_all("Classifier") or [] if each.startswith("License")]
    text = (found.get("License") or "").strip()
    said = text if text and "\n" not in text and len(text) < 60 else " OR ".join(sorted(classifiers)) or UNKNOWN
    return str(KNOWN["names"].get(said, said))


def runtime(root: str) -> set[str]:
    """The packages that a distribution needs on this platform, without its extras."""
    needed: set[str] = set()
    waiting = [(root, "")]
    while waiting:
        name, extra = waiting.pop()
        for line in _requires(name):
            each = Requirement(line)
            if each.marker is None or each.marker.evaluate({"extra": extra}):
                found = canonicalize_name(each.name)
                waiting += [(found, more) for more in ("", *each.extras) if found not in needed or more]
                needed.add(found)
    return needed


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


if __name__ == "__main__":
    json.dump([asdict(each) | {"purl": each.purl} for each in components()], sys.stdout, indent=1)
