"""The runtime's pure parts: multiranges, what may be logged, settings that refuse, credentials."""

import hashlib
from pathlib import Path

import msgspec
import psycopg
import pytest
import sqlalchemy.exc
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.clock import build
from services.runtime.credentials import Credentials, Principal
from services.runtime.errors import Fatal, Poison, Transient, blames_input, describe, is_transient
from services.runtime.offsets import multirange
from services.runtime.settings import load


@given(st.lists(st.integers(1, 60)))
def test_multirange_holds_exactly_the_positions_whatever_their_order_or_repetition(positions: list[int]) -> None:
    text = multirange(positions)
    assert text == multirange([*reversed(positions), *positions])
    ranges = [part.split(",") for part in text.strip("{}").replace("),[", ") [").replace("[", "").replace(")", "").split()]
    held = [number for low, high in ranges for number in range(int(low), int(high))]
    assert held == sorted(set(positions))


class Secretive(msgspec.Struct):
    """Stands for any typed input."""

    role: str
    count: int


def test_what_is_logged_of_a_validation_error_names_the_field_and_never_the_value() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(b'{"role": "x", "count": "Kanariesen 6101017777"}', type=Secretive)
    assert describe(caught.value) == "ValidationError field=$.count"


@pytest.mark.parametrize("state", ["53100", "53200", "57P01", "57P02", "57P03"])
def test_a_database_without_disk_or_memory_or_that_ends_is_waited_for(state: str) -> None:
    error = psycopg.errors.lookup(state)()
    assert is_transient(error)
    assert is_transient(sqlalchemy.exc.OperationalError("", {}, error))


def test_a_database_that_gives_no_connection_in_time_is_waited_for() -> None:
    assert is_transient(sqlalchemy.exc.TimeoutError("QueuePool limit"))


def test_only_what_cannot_pass_and_stops_nobody_is_the_input_s_fault() -> None:
    assert not is_transient(Poison("no"))
    assert blames_input(Poison("no"))
    assert blames_input(ValueError())
    assert not blames_input(Transient("later"))
    assert not blames_input(Fatal("mend it"))


def test_production_refuses_a_simulated_clock(tmp_path: Path) -> None:
    environ = {"SOCIALSOG_CLOCK": f"file:{tmp_path / 'clock'}", "SOCIALSOG_STATE": str(tmp_path)}
    with pytest.raises(Fatal, match="simulated"):
        build(load("intake", environ))


def test_an_unknown_municipality_is_refused_by_name() -> None:
    with pytest.raises(Fatal, match="SOCIALSOG_MUNICIPALITIES"):
        load("intake", {"SOCIALSOG_MUNICIPALITIES": "101,999"})


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="postgres-intake"):
        load("intake", {"SOCIALSOG_SECRETS": str(tmp_path)}).database_url("intake")


def test_credentials_know_tokens_by_digest_only(tmp_path: Path) -> None:
    listed = [Principal("auditor", "auditor", hashlib.sha256(b"open sesame").hexdigest())]
    path = tmp_path / "credentials.json"
    path.write_bytes(msgspec.json.encode(listed))
    credentials = Credentials(path)
    found = credentials.of("Bearer open sesame")
    assert found is not None
    assert found.principal == "auditor"
    assert credentials.of("Bearer something else") is None
    assert credentials.of(None) is None
