"""The folder `<inbox>/police`: what lies there, and reading manifests and data files in bounded memory."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from services.intake.domain.manifest import Manifest, parse_manifest
from services.intake.domain.reasons import Refusal
from services.runtime.errors import Transient

MANIFEST = ".manifest.json"
ENDS = (MANIFEST, ".csv", ".jsonl")
"""How the names of an extract's files end."""
LARGEST_MANIFEST_BYTES = 64 * 1024
"""A manifest is some 300 bytes; what is far larger is something else and is not read into memory."""


def fingerprint(status: os.stat_result) -> str:
    """What changes when a file is written or replaced, without reading it."""
    return f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}"


def _fingerprint(path: Path) -> str | None:
    try:
        return fingerprint(path.stat())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Transient(f"inbox_unreadable {type(error).__name__}") from None


def _mark(fingerprints: Iterable[str | None]) -> str:
    return " ".join(each or "none" for each in fingerprints)


class Inbox:
    """The inbox of the police's extracts. Raises Transient where the disk does not answer as it should."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def listing(self) -> dict[str, str] | None:
        """The mark of each extract, by what its manifest's name begins with, sorted; None without a folder.

        A mark is the fingerprints of manifest and data: as long as it is the same, nothing needs to be looked at again.
        """
        try:
            with os.scandir(self.folder) as entries:
                stats = {entry.name: fingerprint(entry.stat()) for entry in entries if not entry.name.startswith(".")}
        except FileNotFoundError:
            return None  # no folder yet, or a file that was taken away this moment: the next look tells
        except OSError as error:
            raise Transient(f"inbox_unreadable {type(error).__name__}") from None
        names = sorted(name.removesuffix(MANIFEST) for name in stats if name.endswith(MANIFEST))
        return {name: _mark(stats.get(name + end) for end in ENDS) for name in names}

    def mark(self, name: str) -> str:
        """The mark of one extract, now."""
        return _mark(_fingerprint(self.folder / f"{name}{end}") for end in ENDS)

    def manifest(self, name: str) -> Manifest | None:
        """The manifest of this name; None when it is gone. Raises Refusal when it is no good."""
        try:
            with (self.folder / f"{name}{MANIFEST}").open("rb") as file:
                content = file.read(LARGEST_MANIFEST_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Transient(f"manifest_unreadable {type(error).__name__}") from None
        if len(content) > LARGEST_MANIFEST_BYTES:
            raise Refusal("manifest_unreadable")
        return parse_manifest(name, content)

    def data(self, name: str) -> "DataFile":
        """A data file, open. Raises Refusal when it is not there."""
        try:
            return DataFile(self.folder / name)
        except FileNotFoundError:
            raise Refusal("data_missing") from None
        except OSError as error:
            raise Transient(f"data_unreadable {type(error).__name__}") from None


LONGEST_LINE_BYTES = 16 * 1024
"""A row is at most some 3 KiB, whatever its escapes; a longer line is a bad row and is never held in memory whole."""


class DataFile:
    """An open data file. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")

    def __enter__(self) -> "DataFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def fingerprint(self) -> str:
        """Fingerprint of what is open, even when its name stands for another file by now."""
        return fingerprint(os.fstat(self._file.fileno()))

    def pieces(self) -> Iterator[bytes]:
        """The whole file from its first byte: its lines, too long ones in several pieces."""
        self._file.seek(0)
        return iter(lambda: self._file.readline(LONGEST_LINE_BYTES), b"")

    def lines(self, offset: int) -> Iterator[tuple[int, bytes | None]]:
        """The lines from a byte offset: bytes taken from the file, and the line without its end (None when too long)."""
        self._file.seek(offset)
        while piece := self._file.readline(LONGEST_LINE_BYTES):
            if piece.endswith(b"\n") or len(piece) < LONGEST_LINE_BYTES:
                yield len(piece), content(piece)
            else:
                yield len(piece) + self._skip(), None

    def _skip(self) -> int:
        """Pass over the rest of a line; its bytes."""
        skipped = 0
        while piece := self._file.readline(LONGEST_LINE_BYTES):
            skipped += len(piece)
            if piece.endswith(b"\n"):
                break
        return skipped


def content(line: bytes) -> bytes:
    """A line without its end (LF or CRLF)."""
    return line.removesuffix(b"\n").removesuffix(b"\r")
