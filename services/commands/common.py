"""What every command needs: settings from the running system, doors with a credential, output for people and machines."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import httpx
import msgspec
from rich.console import Console
from rich.table import Table

from services.runtime.checks import mends
from services.runtime.errors import Fatal
from services.runtime.settings import Settings, load

F = TypeVar("F", bound=Callable[..., Any])

EXIT_REFUSED = 1
"""The service said no; the message says why."""
EXIT_UNAVAILABLE = 69
"""BSD's EX_UNAVAILABLE: the service does not answer."""
EXIT_CONFIGURATION = 78
"""BSD's EX_CONFIG: a setting or secret is missing."""

TIMEOUT_SECONDS = 300
"""A national run is started by a request that ends with it."""


def settings() -> Settings:
    """Settings of the system that `make start` left beside us, overridden by the environment."""
    state = Path(os.environ.get("SOCIALSOG_STATE", ".state"))
    remembered = state / "client.env"
    lines = remembered.read_text(encoding="utf-8").splitlines() if remembered.exists() else []
    environ = dict(line.split("=", 1) for line in lines if "=" in line) | dict(os.environ)
    try:
        return load("cli", environ)
    except Fatal as error:
        raise refuse(str(error), EXIT_CONFIGURATION) from None


def refuse(message: str, code: int) -> click.ClickException:
    """An error for the user, with its exit code."""
    error = click.ClickException(message)
    error.exit_code = code
    return error


def call(service: str, principal: str, method: str, path: str, body: Any = None, **query: Any) -> Any:
    """One request to a service's door as `principal`; the decoded answer."""
    found = settings()
    try:
        token = found.secret(f"http-{principal}")
        response = httpx.request(
            method,
            found.url(service) + path,
            json=body,
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            verify=found.tls.http_trust(),
            params={name: value for name, value in query.items() if value is not None},
            headers={"authorization": f"Bearer {token}"},
        )
    except Fatal as error:
        raise refuse(f"no credential for {principal}: {error}", EXIT_CONFIGURATION) from None
    except httpx.TransportError:
        where = f"{service} does not answer at {found.url(service)}"
        raise refuse(f"{where}: is it running? {mends.START}", EXIT_UNAVAILABLE) from None
    if response.is_error:
        raise refuse(f"{service} refused ({response.status_code}): {_detail(response)}", EXIT_REFUSED)
    return msgspec.json.decode(response.content) if response.content else None


def _detail(response: httpx.Response) -> str:
    try:
        return str(msgspec.json.decode(response.content)["detail"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        return "no reason given; see the service's log"


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], as_json: bool, title: str = "") -> None:
    """Rows as JSON for machines, a table on a terminal, tab-separated lines elsewhere."""
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows)).decode())
    elif sys.stdout.isatty():
        Console().print(_table(rows, columns, title))
    else:
        click.echo("\t".join(columns))
        for row in rows:
            click.echo("\t".join(_cell(row.get(column)) for column in columns))


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], title: str) -> Table:
    table = Table(*columns, title=title or None)
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    return table


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


as_json = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")


def acting_as(default: str | None, help_text: str) -> Callable[[F], F]:
    """The option that chooses whose credential is used."""
    return click.option("--as", "principal", default=default, required=default is None, help=help_text)
