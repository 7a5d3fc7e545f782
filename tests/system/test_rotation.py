"""Every secret is rotated while two weeks run, encrypted: nothing is lost or doubled, and no old secret opens anything.

Each rotation falls into work under way: extracts half read, letters being composed, letters being sent and answered. The second
week corrects rows that were taken in under the first key.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import psycopg
import pytest
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from deploy import addresses, guardian, rotation
from deploy.embedded import kafka_settings
from deploy.embedded.kafka import serves
from deploy.embedded.postgres import answers
from deploy.secrets import LEDGER_READER, kafka_principals, people
from deploy.system import System
from deploy.waiting import wait_until
from services.delivery.dispatch import FILE, Journal
from services.runtime import broker
from services.runtime.settings import SERVICES
from services.runtime.tls import trusting
from services.simulator.drive import Drive
from services.simulator.world import Deliverable, World
from tests.conftest import MUNICIPALITIES
from tests.system.town import SEED, Town

WEEKS = ("2026-W38", "2026-W39")
PERSONS = 1_000
REAUTH_SECONDS = 5
"""How long a session of Kafka may go on before it is asked for the password anew; ten minutes outside of this test."""
INNER = ("kafka-admin", "kafka-controller", "postgres-admin")
"""The engines' own."""
pytestmark = [pytest.mark.operations, pytest.mark.timeout(420)]


class OwnTown(Town):
    """A town on engines of its own, so that their secrets can be rotated too; everything encrypted that can be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.system = System(folder / "state", "own", MUNICIPALITIES, encrypted=True)
        self.world = World(SEED, PERSONS, MUNICIPALITIES)

    def __enter__(self) -> "OwnTown":
        guardian.watch(self.system.state, remove=True)
        self.system.embedded.start(first=addresses.elsewhere(self.system.state))
        super().__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.system.embedded.stop()
        self.system.embedded.postgres.remove()


def old_secrets(system: System) -> dict[str, str]:
    """Everything that will be rotated, as it is now."""
    names = [f"kafka-{each}" for each in ("admin", *kafka_principals(MUNICIPALITIES))]
    names += [f"postgres-{each}" for each in ("admin", *SERVICES[:-1], LEDGER_READER)]
    names += [f"http-{each.principal}" for each in people(MUNICIPALITIES)]
    return {name: system.secrets.read(name) for name in names}


def still_good(system: System, secrets: dict[str, str]) -> list[str]:
    """Which of these secrets still open something. Side by side: Kafka's clients take seconds to learn that they are refused."""
    with ThreadPoolExecutor(8) as pool:
        opened = pool.map(lambda each: opens(system, *each), secrets.items())
        return [name for name, good in zip(secrets, opened, strict=True) if good]


def opens(system: System, name: str, secret: str) -> bool:
    """Whether a secret opens what it is for."""
    engines, (kind, _, who) = system.engines, name.partition("-")
    if kind == "kafka":
        user = who if who == "admin" else system.settings("cli").kafka_name(who)
        return serves(engines.bootstrap, user, secret, engines.tls)
    if kind == "postgres":
        role = "postgres" if who == "admin" else system.settings("cli").database_name(who)
        return answers(f"postgresql://{role}:{secret}@{engines.database_url.partition('//')[2]}")
    headers, trust = {"authorization": f"Bearer {secret}"}, trusting(system.embedded.certificates.trusted)
    return httpx.get(f"{system.http('audit')}/dead-letters", headers=headers, verify=trust, trust_env=False).status_code != 401


@contextmanager
def sessions(system: System) -> Iterator[dict[str, Callable[[], object]]]:
    """Sessions that were opened with the passwords of now, and what asks something in each."""
    settings = system.settings("cli")
    urls = {"postgres-admin": system.engines.admin_url}
    urls |= {f"postgres-{each}": settings.database_url(each).replace("+psycopg", "") for each in (*SERVICES[:-1], LEDGER_READER)}
    found: dict[str, Callable[[], object]] = {}
    with ExitStack() as stack:
        for name, url in urls.items():
            database = stack.enter_context(closing(psycopg.connect(url, autocommit=True)))
            found[name] = partial(database.execute, "SELECT 1")
        for each in ("intake", "municipality-101", "simulator"):
            client = KafkaAdminClient(**broker.login(settings, each), request_timeout_ms=5_000)
            found[f"kafka-{each}"] = stack.enter_context(closing(client)).describe_cluster
        yield found


def still_open(asked: dict[str, Callable[[], object]]) -> list[str]:
    """Which of these sessions still answer."""
    found = []
    for name, ask in asked.items():
        with suppress(psycopg.Error, KafkaError):
            ask()
            found.append(name)
    return found


def test_every_secret_is_rotated_while_two_weeks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kafka_settings.SETTINGS, "connections.max.reauth.ms", REAUTH_SECONDS * 1000)
    tmp_path.chmod(0o711)
    with OwnTown(tmp_path) as town, sessions(town.system) as opened:
        system, drive = town.system, town.drive
        old, authority = old_secrets(system), tmp_path / "old-authority.pem"
        authority.write_bytes(system.embedded.certificates.trusted.read_bytes())
        known = rotation.changes(system)
        pending: list[str] = []

        def interrupted(files: list[Deliverable]) -> None:
            for file in files[: len(files) // 2]:
                drive.move(file.moment)
                file.hand_over(town.settings.inbox)
            rotation.rotate(system, pending)
            Drive.deliver(drive, files)

        drive.deliver = lambda files: interrupted(list(files))
        assert still_open(opened) == list(opened)
        assert still_good(system, old) == list(old), "the test would see an old secret that is still good"

        pending = [name for name in known if name.startswith(("kafka-", "postgres-", "http-")) and name not in INNER]
        drive.history()
        del drive.deliver
        wait_until(lambda: still_open(opened) == ["postgres-admin"], 3 * REAUTH_SECONDS, "sessions of the old passwords end")
        label = drive.screen(1)
        rotation.rotate(system, INNER)
        assert still_open(opened) == []
        drive.after_run(1)
        drive.decide(1)
        rotation.rotate(system, [name for name in known if name.startswith("municipality-")])
        rotation.rotate_certificates(system)
        rotation.rotate(system, ["dispatch-key"])
        drive.settle(label)

        pending = ["pseudonym-key", "dispatch-key"]
        drive.deliver = lambda files: interrupted(list(files))
        label = drive.screen(2)
        del drive.deliver
        drive.after_run(2)
        drive.decide(2)
        drive.settle(label)

        assert town.untruths(WEEKS) == []
        assert drive.doors.get("auditor", "audit", "/verify")["ok"]
        for week in WEEKS:
            account = drive.ledger(week)
            assert account is not None
            assert not account.unbalanced
        assert not drive.doors.get("operator", "intake", "/dead-letters")
        chained = [line.get("key", 0) for line in map(json.loads, (system.state / "dispatch" / FILE).read_bytes().splitlines())]
        assert chained == sorted(chained)
        assert chained[0] < chained[-1] == 2, "letters left, and were answered, under one key and under the next"
        assert len(list(Journal(system.state / "dispatch", system.secrets.read("dispatch-key")).read())) == len(chained)
        rotation.rotate(system, [name for name in known if name.startswith(("http-", "municipality-"))], drop_old=True)
        assert still_good(system, old) == []
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{system.http('intake')}/live", verify=trusting(authority), trust_env=False)
        assert set(system.prepare().values()) == {0}
