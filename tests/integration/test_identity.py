"""identity's register on a real PostgreSQL: deliveries in any order and after a kill, changed numbers, bad lines."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest

from events.alias import Alias
from events.http.identity import Resolved
from services.identity.register import files, loader
from services.identity.register.inbox import Inbox
from services.identity.register.loader import Loader
from services.identity.store import LEDGER_VIEW
from services.runtime.database import Store
from services.runtime.errors import Transient
from tests.integration.identity_vault import Vault, child, cpr, home, moved, person


@pytest.fixture
def vault(make_store: Callable[[str], Store], tmp_path: Path) -> Vault:
    return Vault(make_store("identity"), tmp_path / "register")


def test_a_chain_of_changed_numbers_is_one_person_in_any_order(vault: Vault) -> None:
    vault.load(kind="full")
    for order in permutations(range(3)):
        for seen_before in (False, True):
            a, b, c = cpr(), cpr(), cpr()
            lines = [moved(a, b), moved(b, c), person(c)]
            if seen_before:
                vault.resolve(a, b, c)
            for place in order:
                vault.load(lines[place])
            found = vault.resolve(a, b, c)
            assert len({each.pseudonym for each in found}) == 1
            assert {each.standing for each in found} == {"identified"}
    aliases = {pseudonym: alias for pseudonym, (_, alias) in vault.aliases().items()}
    assert all(aliases.get(alias.canonical, alias).canonical == alias.canonical for alias in aliases.values())


def test_a_new_number_shares_the_pseudonym_and_nobody_needs_to_be_told(vault: Vault) -> None:
    old, now = cpr(), cpr()
    vault.load(person(old), kind="full")
    before = vault.resolve(old)[0]
    vault.load(person(now), moved(old, now))
    assert vault.resolve(now, old) == [before, before]
    assert vault.aliases() == {}


def test_two_known_persons_become_one_and_two_again(vault: Vault) -> None:
    old, now = cpr(), cpr()
    vault.load(person(old), person(now), kind="full")
    first, second = vault.resolve(old, now)
    vault.load(moved(old, now))
    assert vault.aliases() == {first.pseudonym: (1, Alias(first.pseudonym, second.pseudonym, "identified"))}
    assert vault.resolve(old, now) == [second, second]
    vault.load(person(old))
    assert vault.aliases()[first.pseudonym] == (2, Alias(first.pseudonym, first.pseudonym, "identified"))
    assert vault.resolve(old, now) == [first, second]


def test_a_number_that_the_register_learns_of_later(vault: Vault) -> None:
    unknown, foreign = cpr(), "060649AAAA"
    waiting = vault.resolve(unknown)[0]
    assert (waiting.standing, vault.resolve(foreign, kind="ENR")[0].standing) == ("waiting", "waiting")
    vault.load(person(unknown), kind="full")
    assert vault.aliases() == {waiting.pseudonym: (1, Alias(waiting.pseudonym, waiting.pseudonym, "identified"))}
    assert vault.resolve(unknown)[0] == Resolved(waiting.pseudonym, "identified")
    assert dict(vault.query(f"SELECT measure, amount FROM ({LEDGER_VIEW}) AS ledger"))["pseudonyms_waiting"] == 1


def test_whoever_changes_to_an_unknown_number_waits_for_it(vault: Vault) -> None:
    old, now = cpr(), cpr()
    vault.load(person(old), kind="full")
    held = vault.resolve(old)[0].pseudonym
    vault.load(moved(old, now))
    assert vault.aliases()[held] == (1, Alias(held, held, "waiting"))
    vault.load(person(now))
    assert vault.aliases()[held] == (2, Alias(held, held, "identified"))


def test_who_is_asked_for_first_by_an_old_number(vault: Vault) -> None:
    gone, unknown, old, now = cpr(), cpr(), cpr(), cpr()
    vault.load(person(gone), person(old), person(now), kind="full")
    vault.load(moved(gone, unknown), moved(old, now))
    waiting, known = vault.resolve(gone, old)
    assert (waiting.standing, known.standing) == ("waiting", "identified")
    made_for = "SELECT s.number, i.borrowed FROM pseudonym s JOIN identity i USING (kind, number, pseudonym)"
    assert dict(vault.query(made_for)) == {gone: False, now: False}
    assert vault.resolve(now, old) == [known, known]


def test_bad_lines_are_set_aside_beside_good_ones(vault: Vault) -> None:
    good = [person() for _ in range(3)]
    bad = {**person(), "sex": "X"}
    vault.load(good[0], b"{", good[1], bad, b'{"cpr": "1"}', good[2], kind="full")
    assert vault.bad() == [(2, None, "unreadable"), (4, "sex", "unknown_value"), (5, "name", "missing_field")]
    assert [each.standing for each in vault.resolve(*(line["cpr"] for line in good))] == ["identified"] * 3
    assert vault.resolve(bad["cpr"])[0].standing == "waiting"


def test_a_line_replaces_everything_known_of_its_person(vault: Vault) -> None:
    mother = person(None, home(1))
    kid = child(mother, at=home(1))
    vault.load(mother, kid, {**kid, "name": "Bo Fiktivdal"}, kind="full")
    vault.load({**kid, "parents": [], "addresses": [home(2)]})
    assert vault.bases(mother) == {}
    assert vault.query("SELECT count(*) FROM person")[0][0] == vault.query("SELECT count(*) FROM address")[0][0] == 2


REFUSED = f"SELECT measure, amount FROM ({LEDGER_VIEW}) AS ledger WHERE starts_with(measure, 'refused:')"


def test_deliveries_that_are_refused_whole(vault: Vault) -> None:
    path = vault.write("full", [person()], sha256="0" * 64)
    later = vault.write("changes", [])
    vault.loader.scan()
    assert [(row.state, row.reason) for row in vault.files()] == [("refused", "wrong_digest"), ("waiting", "sequence_gap")]
    vault.sequence = 0
    vault.write("full", [person(), person()], rows=1)
    vault.loader.scan()
    assert ("refused", "wrong_rows") in [(row.state, row.reason) for row in vault.files()]
    assert vault.query("SELECT count(*) FROM person")[0][0] == 0
    assert dict(vault.query(REFUSED)) == {"refused:wrong_digest": 1, "refused:wrong_rows": 1}
    vault.sequence = 0
    vault.write("full", [person()])
    vault.loader.scan()
    assert dict(vault.query(REFUSED)) == {}, "mended, although the list keeps them"
    assert {row.file: row.state for row in vault.files() if row.state == "read"} == {path.name: "read", later.name: "read"}
    vault.sequence = 1
    vault.write("changes", [person()])
    vault.loader.scan()
    assert vault.files()[-1].reason == "sequence_reused"
    assert vault.query("SELECT max(sequence) FROM register_file WHERE state = 'read'")[0][0] == 2


def test_a_killed_load_goes_on_where_the_database_stands(vault: Vault, tmp_path: Path) -> None:
    lines = [person() for _ in range(4_000)]
    old = lines[10]["cpr"]
    lines += [moved(old, lines[20]["cpr"]), {**person(), "sex": "X"}]
    vault.write("full", [*lines])
    script = (
        "from services.identity.register.inbox import Inbox; from services.identity.register.loader import Loader; "
        "from services.runtime.clock import build; from services.runtime.database import Store; "
        "from services.runtime.settings import load; import pathlib, sys; settings = load('identity'); "
        "loader = Loader(Store(settings, build(settings)), Inbox(pathlib.Path(sys.argv[1])), batch_lines=50)\n"
        "while loader.step(): pass"
    )
    settings = dict(line.split("=", 1) for line in (tmp_path / "client.env").read_text().splitlines())
    child_process = subprocess.Popen([sys.executable, "-c", script, str(vault.folder)], env={**os.environ, **settings})
    end = time.monotonic() + 60
    while not (vault.files() and vault.files()[0].lines_read >= 500) and time.monotonic() < end:
        assert child_process.poll() is None
    child_process.send_signal(signal.SIGKILL)
    child_process.wait()
    assert 500 <= vault.files()[0].lines_read < len(lines)
    while vault.loader.step():
        pass
    done = vault.files()[0]
    assert (done.state, done.lines_read, done.loaded, done.quarantined) == ("read", len(lines), len(lines) - 1, 1)
    assert vault.query("SELECT count(*), count(DISTINCT number) FROM identity")[0] == (4_000, 4_000)
    assert vault.query("SELECT count(*) FROM person")[0][0] == 4_000
    assert len(set(vault.resolve(old, lines[20]["cpr"]))) == 1


def test_a_delivery_that_is_taken_away_half_read_is_refused(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.load(person(), kind="full")
    vault.loader.scan()
    manifest = vault.write("changes", [person(), person()])
    vault.loader.batch_lines = 1
    for _ in range(2):
        vault.loader.step()
    manifest.unlink()
    (vault.folder / "register-00002.jsonl").unlink()
    vault.loader.scan()
    assert vault.files()[-1].state == "reading", "the inbox looks as it did when all was done"
    monkeypatch.setattr(loader, "QUIET_SECONDS", 0.0)
    vault.loader.scan()
    assert (vault.files()[-1].state, vault.files()[-1].reason) == ("refused", "data_missing")


def test_another_copy_that_has_read_on_is_noticed(vault: Vault) -> None:
    vault.write("full", [person() for _ in range(20)])
    slow, fast = (Loader(vault.store, Inbox(vault.folder), batch_lines=5) for _ in range(2))
    slow.step()
    with vault.store.transaction() as transaction:
        file = files.reading(transaction)
    assert file is not None
    fast.step()
    with pytest.raises(Transient):
        slow._read_on(file)
    assert vault.query("SELECT count(*) FROM person")[0][0] == 5
