"""One PostgreSQL 18 server on 127.0.0.1 with password log-in for everybody, and a log that never holds a value.

`start` makes the data folder the first time, waits until the server answers, and can be called when it already runs.
"""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg
import tenacity

from deploy.addresses import HOST
from deploy.embedded.reach import Account, account, data_folder, programs, spare_folder
from deploy.pids import Command, Process
from deploy.waiting import DeadlinePassed, wait_until

ADMIN = "postgres"
READY_SECONDS = 60
"""A tenth of a second as a rule; the whole journal is read again after a crash."""
STOP_SECONDS = 30
PROBE_SECONDS = 2

SETTINGS: dict[str, object] = {
    "listen_addresses": HOST,
    # No door by file system: its rights would follow the folder's, not the roles'.
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": 200,
    "autovacuum_naptime": "2s",  # a first load fills empty tables within seconds: plans must know of it
    # ... but not at each tenth that is added: while millions of rows came in, looking at them took a third of the server's time,
    # at each half still a tenth.
    "autovacuum_analyze_scale_factor": 1.0,
    "autovacuum_vacuum_insert_scale_factor": 2.0,
    "shared_buffers": "192MB",
    # After each checkpoint every page that is touched is written whole. Millions of rows touch the pages of their random keys
    # again and again, so a first load wants few of them; a small system never comes near.
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # What is logged: the server's own doings. Errors of statements are not (level `log` stands above `error`): even their first
    # line quotes values, as in "invalid input syntax for type date". The services log class and SQLSTATE.
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": 0,
    "log_parameter_max_length_on_error": 0,
    "log_statement": "none",
    "log_min_duration_statement": -1,
    "log_line_prefix": "%m %u %e ",
    "log_checkpoints": "off",
    # Two cores are shared with a dozen processes: no helpers for one query.
    "max_parallel_workers_per_gather": 0,
    # Compiling a query pays from seconds on; ours take milliseconds.
    "jit": "off",
}


class PostgresFailed(Exception):
    """PostgreSQL did not start; the message names the log to read."""


class PostgresServer:
    """PostgreSQL of one state folder: data in `$STATE/postgres` (or where `reach` says), log in `$STATE/logs/postgres.log`."""

    def __init__(self, state: Path, port: int, password: str) -> None:
        self.state = state
        self.port = port
        self.password = password
        self.log = state / "logs" / "postgres.log"
        self.process = Process(state / "pids", "postgres")

    def url(self, database: str = "postgres") -> str:
        """Connection URL of the administrator. Holds the password."""
        return f"postgresql://{ADMIN}:{self.password}@{HOST}:{self.port}/{database}"

    def programs(self, who: Account) -> Path:
        """Folder with the server's programs, where its account can go."""
        return programs(self.state, who)

    def settings(self, data: Path) -> dict[str, object]:
        """All that it is started with. `data`: its data folder."""
        return SETTINGS | {"port": self.port}

    def start(self) -> None:
        """Start unless it runs, and wait until it answers. Raises PostgresFailed."""
        who = account()
        data, bin_folder = data_folder(self.state, who), self.programs(who)
        if not (data / "PG_VERSION").exists():
            self._make(data, bin_folder, who)
        self._run(who, data, bin_folder)

    # After kill -9 its helpers need a moment to notice; until they are gone, a new server refuses the data folder.
    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(PostgresFailed),
        stop=tenacity.stop_after_attempt(5),
        wait=tenacity.wait_fixed(1),
        reraise=True,
    )
    def _run(self, who: Account, data: Path, bin_folder: Path) -> None:
        if self.process.pid is None:
            self._launch(who, data, bin_folder)
        try:
            wait_until(self._answers_or_died, READY_SECONDS, "PostgreSQL ready", every=0.05)
        except DeadlinePassed as late:
            raise PostgresFailed(f"{late}; read {self.log}") from None

    def _launch(self, who: Account, data: Path, bin_folder: Path) -> None:
        options = [f"--{name}={value}" for name, value in self.settings(data).items()]
        self.process.start(
            Command(
                [str(bin_folder / "postgres"), "-D", str(data), *options],
                log=self.log,
                folder=Path("/"),
                user=who.user,
                group=who.group,
            )
        )

    def _make(self, data: Path, bin_folder: Path, who: Account) -> None:
        """Make the data folder beside its place and move it there, so that an interrupted start leaves none half made."""
        incoming = data.with_suffix(".incoming")
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir(mode=0o700)
        password = incoming / "password"
        password.write_text(self.password, encoding="ascii")
        password.chmod(0o600)
        who.owns(incoming)
        who.owns(password)
        done = subprocess.run(
            [
                str(bin_folder / "initdb"),
                "-D",
                str(incoming / "data"),
                "-U",
                ADMIN,
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-sync",
                "--no-instructions",
            ],
            user=who.user,
            group=who.group,
            extra_groups=None if who.user is None else [],
            cwd="/",
            umask=0o077,
            env={"PATH": os.defpath, "TZ": "UTC"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise PostgresFailed(f"initdb failed: {done.stderr.strip()}")
        os.replace(incoming / "data", data)
        shutil.rmtree(incoming)

    def _answers_or_died(self) -> bool:
        if self.process.pid is None:
            raise PostgresFailed(f"PostgreSQL ended while starting; read {self.log}")
        return answers(self.url())

    def stop(self) -> bool:
        """Orderly stop that does not wait for clients to leave; True unless it had to be killed."""
        return self.process.stop(signal.SIGINT, STOP_SECONDS)

    def kill(self) -> None:
        """End the main process as a crash would; its helpers notice and end themselves."""
        self.process.kill()

    def remove(self) -> None:
        """Remove the data, and the spare folder if there is one."""
        for folder in (self.state / "postgres", spare_folder(self.state)):
            shutil.rmtree(folder, ignore_errors=True)


def answers(url: str) -> bool:
    """Whether the server at this URL accepts the log-in now."""
    try:
        psycopg.connect(url, connect_timeout=PROBE_SECONDS).close()
    except psycopg.OperationalError:
        return False
    return True
