"""`socialsog doctor`: asks every service how it is, compares their answers, and prints what mends each that is not well."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from ssl import SSLContext
from urllib.parse import urlsplit

import click
import httpx
import msgspec

from services.commands.common import as_json, refuse, settings
from services.runtime.checks import mends
from services.runtime.checks.certificates import shown
from services.runtime.checks.database import clocks
from services.runtime.checks.finding import Finding, Report, bad
from services.runtime.errors import Fatal
from services.runtime.settings import SERVICES, Settings
from services.runtime.tls import trusting

EXIT_WARNING = 1
EXIT_BAD = 2
TIMEOUT_SECONDS = 30
"""A service looks twice where something waits, and waits four seconds for a broker that is away."""
MARKS = {"ok": "ok  ", "warn": "WARN", "bad": "BAD "}


class Line(msgspec.Struct, frozen=True):
    """One finding, and of which service; `system` where several were compared."""

    service: str
    finding: Finding

    def document(self) -> dict[str, str]:
        """For machines."""
        return {"service": self.service, **msgspec.structs.asdict(self.finding)}


class Answer(msgspec.Struct, frozen=True):
    """A service's report, or why there is none; and the moment between asking and hearing, by our clock."""

    service: str
    report: Report | None
    failure: Finding | None
    at: float


@click.command()
@as_json
def doctor(as_json: bool) -> None:
    """Check brokers, topics, rights, schemas, clocks, keys, secrets, certificates, disks, lag, work and dead letters everywhere.

    One line per check; below each that is not well the command that mends it. Exit codes: 0 all is well · 1 warnings · 2 bad.
    """
    raise SystemExit(show(examine(settings()), as_json=as_json))


def show(found: Sequence[Line], *, as_json: bool) -> int:
    """Print the report; the exit code that says the same."""
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode([line.document() for line in found])).decode())
    else:
        _print(found)
    levels = {line.finding.level for line in found}
    return EXIT_BAD if "bad" in levels else EXIT_WARNING if "warn" in levels else 0


def examine(found: Settings) -> list[Line]:
    """Every finding of every service, and what follows from comparing them."""
    with ThreadPoolExecutor(len(SERVICES)) as pool:
        answers = list(pool.map(lambda name: _ask(found, name), SERVICES))
    lines = [Line(each.service, finding) for each in answers for finding in _of(each)]
    return [*lines, *(Line("system", finding) for finding in compare(answers)), *certificates(found)]


def certificates(found: Settings) -> Iterator[Line]:
    """Until when the certificates of brokers and doors are good, where connections are encrypted."""
    if found.tls.kafka:
        for each in found.kafka.split(","):
            yield Line("kafka", _shown(f"//{each.strip()}", trusting(found.tls.kafka_ca), found.environment))
    if found.tls.http:
        for name in SERVICES:
            yield Line(name, _shown(found.url(name), trusting(found.tls.http_ca), found.environment))


def _shown(url: str, trust: SSLContext, environment: str) -> Finding:
    parts = urlsplit(url)
    return shown(parts.hostname or "", parts.port or 443, trust, environment)


def _ask(found: Settings, service: str) -> Answer:
    url = found.url(service)
    began = time.time()
    try:
        headers = {"authorization": f"Bearer {found.secret('http-operator')}"}
        trust = found.tls.http_trust()
        response = httpx.get(f"{url}/doctor", headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False, verify=trust)
        response.raise_for_status()
    except Fatal as error:
        raise refuse(str(error), 78) from None
    except httpx.HTTPStatusError as error:
        failure = bad("door", f"answers {error.response.status_code} at {url}", mends.restart(service, found.environment))
        return Answer(service, None, failure, began)
    except httpx.TransportError as error:
        mend = mends.start("starts what does not run", found.environment)
        failure = bad("door", f"no answer at {url} ({type(error).__name__})", mend)
        return Answer(service, None, failure, began)
    return Answer(service, msgspec.json.decode(response.content, type=Report), None, time.time())


def _of(answer: Answer) -> Sequence[Finding]:
    return answer.report.findings if answer.report else [answer.failure] if answer.failure else []


def compare(answers: Sequence[Answer]) -> list[Finding]:
    """What no service can see alone: clocks that differ, and services that talk to different clusters."""
    reports = [(each.report, each.at) for each in answers if each.report]
    offsets = {report.service: report.at - at for report, at in reports}
    findings = []
    if offsets:
        last, first = max(offsets, key=offsets.__getitem__), min(offsets, key=offsets.__getitem__)
        findings.append(clocks(f"{first} ({last})", offsets[last] - offsets[first]))
    clusters = sorted({report.cluster for report, _ in reports if report.cluster})
    if len(clusters) > 1:
        findings.append(
            bad("kafka", f"services talk to {len(clusters)} clusters", "set KAFKA_BOOTSTRAP_SERVERS the same for all")
        )
    return findings


def _print(found: Sequence[Line]) -> None:
    for line in found:
        each = line.finding
        click.echo(f"{MARKS[each.level]}  {line.service:<14} {each.check:<13} {each.what}")
        if each.mend:
            click.echo(f"      mend: {each.mend}")


COMMANDS: list[click.Command] = [doctor]
