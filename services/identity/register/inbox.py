"""The folder `<inbox>/register`: what lies there, and reading manifests and data files in bounded memory."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from services.identity.domain.manifest import NAME, Refused
from services.runtime.errors import Transient

LARGEST_MANIFEST_BYTES = 64 * 1024
"""A manifest is some 300 bytes; what is far larger is something else and is not read into memory."""
LONGEST_LINE_BYTES = 256 * 1024
"""A person with a hundred addresses takes some 20 KiB; a longer line is a bad one and is never held in memory whole."""


def fingerprint(status: os.stat_result) -> str:
    """What changes when a file is written or replaced, without reading it."""
    return f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}"


def content(line: bytes) -> bytes:
    """A line without its end (LF or CRLF)."""
    return line.removesuffix(b"\n").removesuffix(b"\r")


class Inbox:
    """The inbox of the register. Raises Transient where the disk does not answer as it should."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def listing(self) -> dict[str, str]:
        """Fingerprints of each manifest and its data, by the manifest's name, in the order of the sequence."""
        try:
            with os.scandir(self.folder) as entries:
                found = {entry.name: fingerprint(entry.stat()) for entry in entries}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise Transient(f"inbox_unreadable {type(error).__name__}") from None
        data = {name: name.removesuffix(".manifest.json") + ".jsonl" for name in found}
        return {name: f"{found[name]} {found.get(data[name])}" for name in sorted(found) if NAME.fullmatch(name)}

    def manifest(self, name: str) -> bytes | None:
        """The bytes of a manifest (no more than the largest); None when it is gone."""
        try:
            with (self.folder / name).open("rb") as file:
                return file.read(LARGEST_MANIFEST_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Transient(f"manifest_unreadable {type(error).__name__}") from None

    def data(self, name: str) -> "DataFile":
        """A data file, open. Raises Refused when it is not there."""
        try:
            return DataFile(self.folder / name)
        except FileNotFoundError:
            raise Refused("data_missing", "file") from None
        except OSError as error:
            raise Transient(f"data_unreadable {type(error).__name__}") from None


class DataFile:
    """An open data file. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")

    def __enter__(self) -> "DataFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def fingerprint(self) -> str:
        """Fingerprint of what is open, even when its name stands for another file by now."""
        return fingerprint(os.fstat(self._file.fileno()))

    def measure(self) -> tuple[str, int]:
        """SHA-256 (hex) of the bytes, and the number of lines that are not empty."""
        digest, rows, begins = hashlib.sha256(), 0, True
        self._file.seek(0)
        while piece := self._piece():
            digest.update(piece)
            rows += begins and content(piece) != b""
            begins = piece.endswith(b"\n")
        return digest.hexdigest(), rows

    def lines(self, offset: int) -> Iterator[tuple[int, bytes | None]]:
        """The lines from a byte offset: bytes taken from the file, and the line without its end (None when too long)."""
        self._file.seek(offset)
        while piece := self._piece():
            if piece.endswith(b"\n") or len(piece) < LONGEST_LINE_BYTES:
                yield len(piece), content(piece)
            else:
                yield len(piece) + self._skip(), None

    def _piece(self) -> bytes:
        """A line, or the first part of one that is too long."""
        try:
            return self._file.readline(LONGEST_LINE_BYTES)
        except OSError as error:
            raise Transient(f"data_unreadable {type(error).__name__}") from None

    def _skip(self) -> int:
        skipped = 0
        while piece := self._piece():
            skipped += len(piece)
            if piece.endswith(b"\n"):
                break
        return skipped
