"""The dispatch journal: what leaves for a municipality is written down outside the database, before it is committed.

A restored database does not know what left after the moment of its backup; this file does. It holds message ids and keyed hashes
of what was told, no personal data. Each line is on the disk before the sending is committed, and its `chain` – a keyed hash of
the line and of the chain before it – shows whether anything was altered or taken out. It must lie on another disk than the
database. Copies of delivery that share the folder share the file.
"""

import fcntl
import hmac
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import msgspec

from events.case import Kind
from events.municipal import Receipt
from services.delivery.domain.left import Telling
from services.runtime.errors import Transient

FILE = "journal.jsonl"
START = "0" * 64
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


class _Line(msgspec.Struct, frozen=True):
    entry: msgspec.Raw
    chain: str


class JournalAltered(Exception):
    """A line does not follow from the one before; `str()` is its number."""


class Journal:
    """The journal in a folder, under a key. Written by any number of copies, one at a time."""

    def __init__(self, folder: Path, key: str) -> None:
        self.path = folder / FILE
        self._key = key.encode()

    def keyed(self, value: str) -> str:
        """A keyed hash of something that must not be found out by trying."""
        return hmac.digest(self._key, value.encode(), "sha256").hex()[:32]

    def message_id(self, notification_id: UUID) -> UUID:
        """The id under which a notification leaves: the same at every try, and nothing that we know it by."""
        return UUID(bytes=hmac.digest(self._key, b"message|" + notification_id.bytes, "sha256")[:16], version=4)

    def append(self, entry: Entry) -> None:
        """Write one entry through to the disk. Raises Transient: what cannot be written down must not leave."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                before, body = self._end(file), msgspec.json.encode(entry)
                file.write(msgspec.json.encode(_Line(msgspec.Raw(body), self._chain(before, body))) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Transient(f"dispatch_journal_unwritable errno={error.errno}") from None

    def _chain(self, before: str, body: bytes) -> str:
        return hmac.digest(self._key, before.encode() + body, "sha256").hex()

    @staticmethod
    def _end(file: BinaryIO) -> str:
        """The last chain, with the file standing where the next line begins. Half a line was never committed: it goes."""
        size = file.seek(0, os.SEEK_END)
        start = file.seek(max(0, size - TAIL_BYTES))
        tail = file.read()
        whole = tail.rfind(b"\n") + 1
        file.seek(start + whole)
        file.truncate()
        lines = tail[:whole].splitlines()
        return msgspec.json.decode(lines[-1], type=_Line).chain if lines else START

    def read(self) -> Iterator[Entry]:
        """All entries, in order. Raises JournalAltered; FileNotFoundError where there is no journal."""
        before = START
        for number, line in enumerate(self.path.read_bytes().split(b"\n")[:-1], 1):
            try:
                given = msgspec.json.decode(line, type=_Line)
            except msgspec.MsgspecError:
                raise JournalAltered(str(number)) from None
            if not hmac.compare_digest(given.chain, self._chain(before, bytes(given.entry))):
                raise JournalAltered(str(number))
            yield msgspec.json.decode(given.entry, type=Entry)
            before = given.chain
