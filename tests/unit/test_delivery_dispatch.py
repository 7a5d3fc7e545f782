"""The dispatch journal on a real file: what is in it stays, alterations show, half a line is as if it had never been."""

import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from uuid import uuid4

import msgspec
import pytest

from services.delivery.dispatch import FILE, Journal, JournalAltered, Sent
from services.delivery.domain.left import Telling
from services.runtime.errors import Transient


def sent(cursor: int) -> Sent:
    now = datetime(2026, 9, 21, tzinfo=UTC)
    return Sent(uuid4(), "101", cursor, "first", "2026-W38", now, Telling(["child"], ["fact"]))


def test_copies_that_write_at_once_make_one_chain_that_only_the_owner_can_read(tmp_path: Path) -> None:
    copies = [Thread(target=lambda: [Journal(tmp_path, "key").append(sent(number)) for number in range(50)]) for _ in range(3)]
    for copy in copies:
        copy.start()
    for copy in copies:
        copy.join()
    cursors = [entry.cursor for entry in Journal(tmp_path, "key").read() if isinstance(entry, Sent)]
    assert sorted(cursors) == sorted([*range(50)] * 3)
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "alter",
    [
        lambda lines: lines[1:],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [lines[0], lines[1].replace(b'"101"', b'"751"'), *lines[2:]],
        lambda lines: [lines[1], lines[0], *lines[2:]],
    ],
)
def test_an_altered_journal_is_refused(tmp_path: Path, alter: Callable[[list[bytes]], list[bytes]]) -> None:
    journal = Journal(tmp_path, "key")
    for number in range(4):
        journal.append(sent(number))
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(b"".join(alter(lines)))
    with pytest.raises(JournalAltered):
        list(journal.read())


def test_half_a_line_was_never_committed(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "key")
    journal.append(sent(1))
    with journal.path.open("ab") as file:
        file.write(b'{"entry": {"type": "sent", "mess')
    assert len(list(journal.read())) == 1
    journal.append(sent(2))
    assert len(list(journal.read())) == 2


def test_under_a_new_key_the_chain_goes_on(tmp_path: Path) -> None:
    Journal(tmp_path, "old").append(sent(1))
    Journal(tmp_path, "old\nnew").append(sent(2))
    Journal(tmp_path, "old\nnew\nnewest").append(sent(3))
    entries = Journal(tmp_path, "old\nnew\nnewest").read()
    assert [entry.cursor for entry in entries if isinstance(entry, Sent)] == [1, 2, 3]


@pytest.mark.parametrize("ring", ["old", "other\nnew", "new\nold", "new"])
def test_under_another_ring_the_journal_means_nothing(tmp_path: Path, ring: str) -> None:
    Journal(tmp_path, "old").append(sent(1))
    Journal(tmp_path, "old\nnew").append(sent(2))
    with pytest.raises(JournalAltered):
        list(Journal(tmp_path, ring).read())


def test_who_does_not_know_the_newest_key_writes_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "old\nnew")
    journal.append(sent(1))
    with pytest.raises(Transient, match="dispatch_key_is_older_than_the_journal"):
        Journal(tmp_path, "old").append(sent(2))
    assert len(list(journal.read())) == 1


def test_a_line_under_a_key_that_was_replaced_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "old\nnew")
    journal.append(sent(1))
    whole = journal.path.read_bytes()
    journal.path.write_bytes(b"")
    Journal(tmp_path, "old").append(sent(2))
    forged = msgspec.json.decode(journal.path.read_bytes())
    before, body = msgspec.json.decode(whole)["chain"], msgspec.json.encode(forged["entry"])
    forged["chain"] = hmac.digest(b"old", before.encode() + body, "sha256").hex()
    journal.path.write_bytes(whole + msgspec.json.encode(forged) + b"\n")
    with pytest.raises(JournalAltered, match="2"):
        list(journal.read())


def test_what_cannot_be_written_down_is_tried_again_later(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    journal = Journal(tmp_path / "taken", "key")
    with pytest.raises(Transient, match="dispatch_journal_unwritable"):
        journal.append(sent(1))


def test_a_notification_leaves_under_the_same_id_at_every_try(tmp_path: Path) -> None:
    notification = uuid4()
    assert Journal(tmp_path, "key").message_id(notification) == Journal(tmp_path, "key").message_id(notification) != notification
    assert Journal(tmp_path, "key\nanother").message_id(notification) == Journal(tmp_path, "key").message_id(notification)
    assert Journal(tmp_path, "other").message_id(notification) != Journal(tmp_path, "key").message_id(notification)
