"""Backup: the whole database at one point. Restore: that point, with an empty Kafka and delivery on hold.

A backup is one file of `pg_dump`, taken in one snapshot while everything runs. It holds personal data (the vault, the letters)
and none of the secrets, which are kept apart. A restore is one transaction. After it the outboxes publish everything again,
consumers go on where the database stands, later extracts are read again, and nothing leaves until `socialsog restore reconcile`.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import IO
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from deploy.embedded.jars import Progress
from deploy.embedded.reach import installed
from deploy.provision.postgres import PostgresProvisioning, declarations, quoted
from deploy.system import System, silent
from services.delivery.store import RESTORED

COMPRESSION = "gzip:1"
"""Outboxes and evidence are JSON: a fraction of their size, at the speed of a disk. (The wheel has no zstd.)"""

PROGRAMS = "SOCIALSOG_POSTGRES_PROGRAMS"
"""Folder with pg_dump, pg_restore and psql, where not the wheel's."""
ENCRYPTING = frozenset({"require", "verify-ca", "verify-full"})

MARK = b"\nsocialsog-sha256:"
"""What follows pg_dump's own bytes (which name the places of all else, so that it does not mind), with their digest."""
DIGEST_LENGTH = 64

# Everything is published and read anew. What goes to municipalities is not: it is offered again, with the same ids, when it is
# known what they have answered.
_AFTER = """
DELETE FROM {schema}.offsets;
DELETE FROM {schema}.publication;
UPDATE {schema}.outbox_position SET published = CASE WHEN topic LIKE 'municipality.%' THEN last ELSE 0 END;
"""
_HOLD = """
INSERT INTO {schema}.brake (name, stopped, reason) VALUES ('{name}', true, '{name}')
    ON CONFLICT (name) DO UPDATE SET stopped = true;
"""


class BackupFailed(Exception):
    """A backup or restore failed; the message says why."""


def backup(system: System, file: Path) -> int:
    """Write the database as it is at this moment to a file that only its owner can read; its size in bytes.

    Raises BackupFailed; then nothing is left.
    """
    spare = file.with_name(f".{file.name}.new")
    spare.unlink(missing_ok=True)
    try:
        _dump(system, spare)
        os.replace(spare, file)
    except BaseException:
        spare.unlink(missing_ok=True)  # a part of the vault, which nobody would look for
        raise
    return file.stat().st_size


def _dump(system: System, spare: Path) -> None:
    with os.fdopen(os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
        chosen = [f"--schema={schema}" for schema in _schemas(system)]
        _say(_start(system, ["pg_dump", "--format=custom", f"--compress={COMPRESSION}", *chosen], stdout=written))
    with spare.open("r+b") as whole:
        digest = hashlib.file_digest(whole, "sha256").hexdigest()
        whole.write(MARK + digest.encode())
        whole.flush()
        os.fsync(whole.fileno())


def restore(system: System, file: Path, progress: Progress = silent, *, kafka_is_empty: bool = False) -> None:
    """Put the database back to the moment of a backup, beside an empty Kafka. The services are stopped and stay so."""
    if not system.owns_engines and not kafka_is_empty:
        raise BackupFailed("a restore needs an empty Kafka: delete this system's topics, then say --kafka-is-empty")
    _check(file)
    _programs(system)
    system.stop_services()
    if system.owns_engines:
        _forget_kafka(system)
    system.start_engines(progress)
    system.prepare()
    progress("services stopped, Kafka empty", 1, 3)
    _restore_tables(system, file)
    progress("database restored, delivery on hold", 2, 3)
    PostgresProvisioning(system.engines, system.secrets, system.namespace).apply()
    progress("tables and rights of this version", 3, 3)


def _check(file: Path) -> None:
    """Raise BackupFailed unless the file is whole: pg_restore is content with one that was cut off."""
    with file.open("rb") as whole:
        body = hashlib.sha256()
        left = file.stat().st_size - len(MARK) - DIGEST_LENGTH
        while left > 0 and (part := whole.read(min(left, 1 << 20))):
            body.update(part)
            left -= len(part)
        if whole.read() != MARK + body.hexdigest().encode():
            raise BackupFailed(f"{file} is not a whole backup: take another one")


def _forget_kafka(system: System) -> None:
    system.embedded.kafka.stop()
    for place in system.state.glob("kafka*"):
        shutil.rmtree(place) if place.is_dir() else place.unlink()


def _restore_tables(system: System, file: Path) -> None:
    """All in one transaction: what fails, or ends in the middle, leaves the database as it was."""
    psql = _start(system, ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"], stdin=subprocess.PIPE)
    # Rights follow our declaration, and so does the schemas' comment, which says that they are as declared.
    options = ["--no-owner", "--no-acl", "--no-comments", "--exit-on-error", "--file=-"]
    reading = _start(system, ["pg_restore", *options, str(file)], stdout=subprocess.PIPE, database=False)
    assert psql.stdin is not None  # they were asked for
    assert reading.stdout is not None
    try:
        with psql.stdin as said:
            said.write(_before(system).encode())
            shutil.copyfileobj(reading.stdout, said)
            reading.stdout.close()
            _say(reading)
            said.write(_after(system).encode())
    except BrokenPipeError:  # it has ended, and says why
        reading.kill()
    finally:
        psql.wait()
    _say(psql)


def _before(system: System) -> str:
    return "BEGIN;\nSET client_min_messages = warning;\n" + "".join(
        f"DROP SCHEMA IF EXISTS {quoted(schema)} CASCADE;\n" for schema in _schemas(system)
    )


def _after(system: System) -> str:
    delivery = quoted(system.settings("cli").database_name("delivery"))
    done = "".join(_AFTER.format(schema=quoted(schema)) for schema in _schemas(system))
    return done + _HOLD.format(schema=delivery, name=RESTORED) + "COMMIT;\n"


def _schemas(system: System) -> list[str]:
    named = system.settings("cli").database_name
    return [named(store.service) for store in declarations()]


def _start(
    system: System,
    command: list[str],
    stdin: int | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = subprocess.DEVNULL,
    *,
    database: bool = True,
) -> "subprocess.Popen[bytes]":
    """Start one of PostgreSQL's programs; the password goes by its environment, a command line is visible to everybody."""
    program, *arguments = command
    parts = urlsplit(system.engines.admin_of(system.engines.database) if database else "")
    where = urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", "@")))
    return subprocess.Popen(
        [str(_programs(system) / program), *arguments, *([f"--dbname={where}"] if database else [])],
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={"PATH": os.defpath, "PGPASSWORD": unquote(parts.password or "")},
        umask=0o077,
    )


def _programs(system: System) -> Path:
    """Folder of PostgreSQL's programs: the wheel's, which cannot encrypt, unless another is named. Raises BackupFailed."""
    if named := os.environ.get(PROGRAMS):
        if missing := [program for program in ("pg_dump", "pg_restore", "psql") if not (Path(named) / program).exists()]:
            raise BackupFailed(f"{PROGRAMS}={named}: there is no {missing[0]}")
        return Path(named)
    options = "" if system.owns_engines else urlsplit(system.engines.admin_url).query
    if dict(parse_qsl(options)).get("sslmode") in ENCRYPTING:
        raise BackupFailed(
            f"the database asks for encryption, and the wheel's pg_dump, pg_restore and psql are built without: let {PROGRAMS} "
            "name the folder of PostgreSQL's own, of the server's version or newer"
        )
    return installed() / "bin"


def _say(process: "subprocess.Popen[bytes]") -> None:
    """Wait for a program. Raises BackupFailed with the first line that it said: the others may quote data."""
    assert process.stderr is not None  # it was asked for
    with process.stderr as said:
        lines = said.read().decode(errors="replace").splitlines()
    if process.wait():
        raise BackupFailed(lines[0] if lines else f"{Path(str(process.args)).name} failed")
