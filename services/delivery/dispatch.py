"""The dispatch journal: what leaves for a municipality is written down outside the database, before it is committed.

A restored database does not know what left after the moment of its backup; this file does. It holds message ids and keyed hashes
of what was told, no personal data. Each line is on the disk before the sending is committed, and its `chain` – a keyed hash of
the line and of the chain before it – shows whether anything was altered or taken out. It must lie on another disk than the
database. Copies of delivery that share the folder share the file.

All hashes are made with a key of the ring `dispatch-key`. What is written down is hashed under its newest; older keys stay, to
read what was written under them. A line under an older key than the line before it is refused: once a line stands under the new
key, whoever learns one that was replaced can write nothing after it.
"""

import fcntl
import hmac
import os
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import msgspec

from events.case import Kind
from events.municipal import Receipt
from services.delivery.domain.left import Keyed, Telling
from services.runtime.errors import Transient

FILE = "journal.jsonl"
TAIL_BYTES = 65_536
"""More than the longest line (a letter of a hundred facts is 8 kB): the end of the file is read for the last chain."""


class Sent(msgspec.Struct, frozen=True, tag="sent"):
    """A letter that is about to leave: it has, unless delivery died at that very moment and never tried again."""

    message_id: UUID
    municipality: str
    cursor: int
    kind: Kind
    week: str
    sent_at: datetime
    telling: Telling


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """A municipality's answer: its letter has certainly left."""

    receipt: Receipt


Entry = Sent | Answered


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """`key`: the place in the ring, from 0, of the key that it is chained under."""

    entry: msgspec.Raw
    chain: str
    key: int = 0


_FIRST = _Line(msgspec.Raw(), "0" * 64)
"""What the first line is chained to."""


class JournalAltered(Exception):
    """A line does not follow from the one before; `str()` is its number."""


class Journal:
    """The journal in a folder, under a ring of keys (one per line, oldest first). Any number of copies write, one at a time."""

    def __init__(self, folder: Path, ring: str) -> None:
        self.path = folder / FILE
        self._keys = [key.encode() for key in ring.split()]
        self._newest = len(self._keys) - 1
        self.hashes: Sequence[Keyed] = [partial(_keyed, key) for key in self._keys]
        """A keyed hash for each key of the ring, oldest first, of what must not be found out by trying."""

    def message_id(self, notification_id: UUID) -> UUID:
        """The id under which a notification leaves: nothing that we know it by, and the same at every try.

        So it follows from the oldest key. Nobody can try that out: the ids it is made of are random and never leave.
        """
        return UUID(bytes=hmac.digest(self._keys[0], b"message|" + notification_id.bytes, "sha256")[:16], version=4)

    def append(self, entry: Entry) -> None:
        """Write one entry through to the disk. Raises Transient: what cannot be written down must not leave."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                before, body = self._end(file), msgspec.json.encode(entry)
                if before.key > self._newest:
                    raise Transient("dispatch_key_is_older_than_the_journal: mount the newest ring, and restart delivery")
                file.write(msgspec.json.encode(self._line(before.chain, body)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Transient(f"dispatch_journal_unwritable errno={error.errno}") from None

    def _line(self, before: str, body: bytes) -> _Line:
        return _Line(msgspec.Raw(body), self._chain(self._newest, before, body), self._newest)

    def _chain(self, key: int, before: str, body: bytes) -> str:
        return hmac.digest(self._keys[key], before.encode() + body, "sha256").hex()

    @staticmethod
    def _end(file: BinaryIO) -> _Line:
        """The last line, with the file standing where the next one begins. Half a line was never committed: it goes."""
        size = file.seek(0, os.SEEK_END)
        start = file.seek(max(0, size - TAIL_BYTES))
        tail = file.read()
        whole = tail.rfind(b"\n") + 1
        file.seek(start + whole)
        file.truncate()
        lines = tail[:whole].splitlines()
        return msgspec.json.decode(lines[-1], type=_Line) if lines else _FIRST

    def set_aside(self) -> None:
        """Begin another journal; what stands in this one is kept beside it under another name."""
        if self.path.exists():
            self.path.rename(self.path.with_name(f"{FILE}.{time.time_ns()}.unread"))

    def read(self) -> Iterator[Entry]:
        """All entries, in order. Raises JournalAltered; FileNotFoundError where there is no journal."""
        before = _FIRST
        for number, line in enumerate(self.path.read_bytes().split(b"\n")[:-1], 1):
            try:
                given = msgspec.json.decode(line, type=_Line)
            except msgspec.MsgspecError:
                raise JournalAltered(str(number)) from None
            if not self._follows(given, before):
                raise JournalAltered(str(number))
            yield msgspec.json.decode(given.entry, type=Entry)
            before = given

    def _follows(self, given: _Line, before: _Line) -> bool:
        if not before.key <= given.key <= self._newest:
            return False
        return hmac.compare_digest(given.chain, self._chain(given.key, before.chain, bytes(given.entry)))


def _keyed(key: bytes, value: str) -> str:
    return hmac.digest(key, value.encode(), "sha256").hex()[:32]
