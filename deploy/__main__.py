"""`python -m deploy …`: start, stop, status, clean and demo of the system in one state folder. What the Makefile calls."""

import fcntl
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import msgspec

from deploy import backup as backups
from deploy import rotation
from deploy.addresses import AnotherSize
from deploy.compose.folder import ENV as COMPOSE_ENV
from deploy.console import Steps
from deploy.doctor import look
from deploy.embedded.cluster import SIZES
from deploy.embedded.jars import CHECKOUT, DamagedJar, NotFetched
from deploy.embedded.kafka import KafkaFailed
from deploy.embedded.postgres import PostgresFailed
from deploy.embedded.reach import UnsafeFolder, spare_folder
from deploy.engines import given
from deploy.processes import ServiceFailed
from deploy.provision.kafka import ProvisioningFailed
from deploy.rights import held_in_postgres, held_on_kafka, lines
from deploy.system import MARK, System, claim
from services.commands.common import as_json
from services.commands.doctor import show
from services.runtime.errors import Fatal
from services.runtime.settings import SERVICES

FAILURES = (
    AnotherSize,
    backups.BackupFailed,
    DamagedJar,
    NotFetched,
    KafkaFailed,
    PostgresFailed,
    UnsafeFolder,
    ServiceFailed,
    ProvisioningFailed,
)


def state_folder() -> Path:
    """`SOCIALSOG_STATE`, else `.state` in the checkout; never a folder of containers, which these commands would mistake."""
    state = Path(os.environ.get("SOCIALSOG_STATE", CHECKOUT / ".state")).resolve()
    if (state / COMPOSE_ENV).exists():
        raise click.ClickException(f"{state} belongs to containers (`make up`), and this command is for the embedded form")
    return state


def system() -> System:
    """The system of the state folder, on the engines that the environment names or on its own."""
    try:
        engines = given()
    except Fatal as error:
        raise click.ClickException(str(error)) from None
    codes = [code for code in os.environ.get("SOCIALSOG_MUNICIPALITIES", "").split(",") if code]
    namespace = os.environ.get("SOCIALSOG_NAMESPACE", "")
    return System(state_folder(), namespace, codes or None, engines, brokers=brokers(), encrypted=encrypted())


def brokers() -> int | None:
    """`BROKERS`: how many nodes the embedded Kafka has; None when nobody says."""
    text = os.environ.get("BROKERS", "")
    if text and text not in map(str, SIZES):
        raise click.ClickException(f"BROKERS={text}: one of {', '.join(map(str, SIZES))} is possible")
    return int(text) if text else None


def encrypted() -> bool:
    """`SOCIALSOG_TLS=on`: make certificates, and encrypt every connection from then on."""
    return os.environ.get("SOCIALSOG_TLS", "off") == "on"


@contextmanager
def alone() -> Iterator[System]:
    """The system, with nobody else starting or stopping it meanwhile. Known failures end the command in one line."""
    state = state_folder()
    if not claim(state):
        raise click.ClickException(
            f"{state} holds what is not ours: let SOCIALSOG_STATE name a folder that is new or empty "
            f"(or, if it is a copy of this system's: touch {state / MARK})"
        )
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise click.ClickException(f"another command is at work in {state}: wait for it") from None
        try:
            yield system()
        except FAILURES as failure:
            raise click.ClickException(str(failure)) from None


def running(found: System) -> list[str]:
    """Names of what runs, engines first."""
    return [name for name in (*found.embedded.names, *SERVICES) if found.running(name)]


def bring_up(found: System) -> None:
    """Start everything that does not run; after a failure stop again what this started."""
    before = running(found)
    with Steps() as steps:
        try:
            found.start(steps.show)
        except BaseException:
            bring_down(found, keep=before)
            raise
        steps.say("everything is up")


def bring_down(found: System, keep: list[str] | None = None) -> None:
    """Stop everything, services first, except what is to be kept."""
    kept = set(keep or ())
    killed = found.stop_services([name for name in SERVICES if name not in kept])
    if not kept & set(found.embedded.names):
        killed += found.embedded.stop()
    for name in killed:
        click.echo(f"{name} did not end in time and was killed", err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run the whole system on this machine: Apache Kafka, PostgreSQL and every service, on 127.0.0.1 only."""
    # Its warnings while a broker is still starting say nothing that the progress does not say better.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)


@main.command()
def start() -> None:
    """Start everything in the background and print where it listens."""
    with alone() as found:
        bring_up(found)
        print_addresses(found)


def print_addresses(found: System) -> None:
    """Where everything listens."""
    engines = found.engines
    rows = [("Kafka", f"{engines.bootstrap} ({engines.tls.kafka_protocol}, SCRAM-SHA-512)"), ("PostgreSQL", engines.database_url)]
    rows += [(name, found.http(name)) for name in SERVICES]
    rows += [("secrets", str(found.secrets.folder)), ("logs", str(found.state / "logs"))]
    for name, where in rows:
        click.echo(f"{name:<14} {where}")


@main.command()
@click.argument("names", nargs=-1, required=True, metavar="SECRET...")
@click.option(
    "--drop-old", is_flag=True, help="Make the old ones worthless that people had to take over (http-…, municipality-…)."
)
def rotate(names: tuple[str, ...], drop_old: bool) -> None:
    """Replace secrets while the system runs: names of files in the secrets folder, `tls` for every certificate, or `all`.

    Nothing is lost: what is on its way is tried again. Tokens of people and municipalities, and municipal keys, stay good beside
    the new ones until `--drop-old`.
    """
    with alone() as found:
        try:
            rest = [name for name in names if name != "tls"]
            chosen = list(rotation.changes(found)) if rest == ["all"] else rest
            rotation.check(found, chosen, certificates="tls" in names)
            if "tls" in names:
                found.renew_certificates(within=timedelta(0))  # with one that has ended nobody gets as far as the rotation
            if not drop_old:
                found.start_engines()
            if rest:
                rotation.rotate(found, chosen, drop_old)
            if "tls" in names or (names == ("all",) and found.embedded.tls and not drop_old):
                rotation.rotate_certificates(found)
        except rotation.CannotRotate as error:
            raise click.ClickException(str(error)) from None
        # One that was interrupted may have stopped services that it did not start again.
        missing = [name for name in SERVICES if not found.running(name)]
    click.echo(f"done; not running: {', '.join(missing)} (`make start`)" if missing else "done")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One object per right, for machines.")
def rights(as_json: bool) -> None:
    """Print who may do what with which topic, group, schema and table, as Kafka and PostgreSQL say it is."""
    found = system()
    if found.owns_engines and not all(map(found.embedded.running, ("kafka", "postgres"))):
        raise click.ClickException("Kafka and PostgreSQL do not run: `make start`")
    held = held_on_kafka(found.engines, found.namespace, found.municipalities)
    held |= held_in_postgres(found.engines, found.namespace)
    rows = [each._asdict() for each in sorted(held)]
    click.echo(msgspec.json.format(msgspec.json.encode(rows)).decode() if as_json else "\n".join(lines(held)))


@main.command()
def stop() -> None:
    """Stop everything; the data stay."""
    with alone() as found:
        names = running(found)
        bring_down(found)
        click.echo(f"stopped: {', '.join(names)}" if names else "nothing was running")


@main.command()
def status() -> None:
    """Say what runs."""
    found = system()
    for name in (*found.embedded.names, *SERVICES):
        pid = found.services.process(name).pid
        click.echo(f"{name:<14} {f'running, process {pid}' if pid else 'not running'}")


@main.command()
@as_json
def doctor(as_json: bool) -> None:
    """Say how everything is, and what mends what is not well. Exit codes: 0 all is well, 1 warnings, 2 bad."""
    sys.exit(show(look(system()), as_json=as_json))


@main.command()
def clean() -> None:
    """Stop everything and remove all state: data, secrets, logs. Downloads stay."""
    state = state_folder()
    if not state.exists():
        click.echo("nothing to remove")
        return
    if not (state / MARK).exists():
        raise click.ClickException(f"{state} is not a state folder of this project: remove it yourself")
    with alone() as found:
        bring_down(found)
        for folder in (spare_folder(state), state):
            shutil.rmtree(folder, ignore_errors=True)
    click.echo(f"removed {state}")


@main.command()
def migrate() -> None:
    """Bring tables, topics and rights to this version, while the version before may still serve; then restart the services."""
    with alone() as found:
        found.start_engines()
        made = found.prepare()
        click.echo(", ".join(f"{name}: {count}" for name, count in made.items()))


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write the whole database, as it is at this moment, to FILE. It holds personal data: see docs/restore.md."""
    with alone() as found:
        size = backups.backup(found, file)
        click.echo(f"{file}: {size / 1e6:.1f} MB. The secrets in {found.secrets.folder} are not in it: keep them elsewhere")


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kafka-is-empty", is_flag=True, help="This system's topics were deleted from a Kafka that is not embedded.")
@click.confirmation_option(prompt="Everything since the backup is lost, and Kafka is emptied. Go on?")
def restore(file: Path, kafka_is_empty: bool) -> None:
    """Put the database back to the moment of FILE, beside an empty Kafka. Nothing leaves until `socialsog restore reconcile`."""
    with alone() as found, Steps() as steps:
        backups.restore(found, file, steps.show, kafka_is_empty=kafka_is_empty)
        steps.say("restored; next: `make start`, then `socialsog restore reconcile`")


@main.command()
def demo() -> None:
    """Start what does not run, do the main job once more, and stop what this command started."""
    driver: Callable[[System], Any] = import_module("services.simulator.demo").main
    with alone() as found:
        before = running(found)
        bring_up(found)
        try:
            code = driver(found)
        finally:
            bring_down(found, keep=before)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
