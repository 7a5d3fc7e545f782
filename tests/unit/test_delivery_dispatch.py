"""The dispatch journal on a real file: what is in it stays, alterations show, half a line is as if it had never been."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from uuid import uuid4

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


def test_what_cannot_be_written_down_is_tried_again_later(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    journal = Journal(tmp_path / "taken", "key")
    with pytest.raises(Transient, match="dispatch_journal_unwritable"):
        journal.append(sent(1))


def test_a_notification_leaves_under_the_same_id_at_every_try(tmp_path: Path) -> None:
    notification = uuid4()
    assert Journal(tmp_path, "key").message_id(notification) == Journal(tmp_path, "key").message_id(notification) != notification
    assert Journal(tmp_path, "other").message_id(notification) != Journal(tmp_path, "key").message_id(notification)
