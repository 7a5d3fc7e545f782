"""Writes police extracts: CSV for the districts with even codes, JSON Lines for the others. See
docs/extracts.md.

Streaming: twelve files are open at once and rows go to them as they come. The rows of stories are strewn
among the background, and the line on which each stands is noted for the truth.
"""

import hashlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from services.simulator.rows import FIELDS, Planted, Row
from services.simulator.truth import ExtractTruth, RowTruth

CHUNK = 1 << 18
"""Bytes gathered before a file is written to."""
STREWN = 7
"""Background rows between two rows of stories, while there are both."""


def is_csv(district: str) -> bool:
    """Whether a district delivers CSV."""
    return int(district) % 2 == 0


class HashedFile:
    """A data file that grows line by line and knows its digest and number of rows."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows = path, 0
        self._hash, self._pending = hashlib.sha256(), bytearray()
        self._file: BinaryIO | None = None

    def write(self, line: bytes) -> None:
        """Append a line (without its end)."""
        self._pending += line
        self._pending += b"\n"
        self.rows += 1
        if len(self._pending) >= CHUNK:
            self._flush()

    def close(self) -> str:
        """Write what is left; the digest. A file without rows is not there."""
        if self._pending:
            self._flush()
        if self._file:
            self._file.close()
        return self._hash.hexdigest()

    def _flush(self) -> None:
        self._file = self._file or self.path.open("wb")
        self._file.write(self._pending)
        self._hash.update(self._pending)
        self._pending.clear()


def write_manifest(path: Path, content: dict[str, str | int | None]) -> None:
    """Write a manifest under another name and rename it: what has no manifest is not there yet."""
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.rename(path)


def _cell(value: str | int | bool | None) -> str:
    if value is None:
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text


def csv_line(row: Row) -> bytes:
    """A good row as CSV. Only the place can need quoting, so only it is looked at."""
    return (
        f"{row.journal_number},{row.party_number},{row.revision},{row.status},"
        f"{row.superseded_journal_number or ''},"
        f"{row.district},{row.registered_at},{row.occurred_at},{row.code},{row.code_scheme},"
        f"{row.identity_kind},{row.identity},{row.role},{row.outcome},"
        f"{_cell(row.place)},{'true' if row.child_present else 'false'}"
    ).encode()


def bad_line(planted: Planted, as_csv: bool) -> bytes:
    """A bad row as its fault says."""
    fault = planted.fault
    values: dict[str, str | int | bool | None] = {name: getattr(planted.row, name) for name in FIELDS}
    if fault and fault.how == "unreadable":
        return csv_line(planted.row)[:60] + b"\xff\xfe"
    if fault and fault.how == "set" and fault.field:
        values[fault.field] = fault.value
    if fault and fault.how == "absent" and fault.field:
        values[fault.field] = None
        if not as_csv:
            del values[fault.field]
    if fault and fault.how == "extra":
        values["remark"] = "x"
    return ",".join(map(_cell, values.values())).encode() if as_csv else msgspec.json.encode(values)


class ExtractWriter:
    """One district's extract of one week."""

    def __init__(self, folder: Path, district: str, sequence: int, planted: Sequence[Planted], seed: int) -> None:
        self.folder, self.district, self.sequence = folder, district, sequence
        self.csv = is_csv(district)
        self.name = f"{district}-{sequence:05d}"
        self._file = HashedFile(folder / f"{self.name}.{'csv' if self.csv else 'jsonl'}")
        self._waiting = list(planted)
        random.Random(f"{seed}/{self.name}").shuffle(self._waiting)
        self._fates: Counter[str] = Counter()
        self._encode = csv_line if self.csv else msgspec.json.encode
        self.truth: list[RowTruth] = []

    def write(self, row: Row) -> None:
        """Append a background row, and now and then a story's row before it."""
        if self._waiting and self._file.rows % STREWN == 0:
            self._tell()
        self._append(self._encode(row))

    def close(self, covers_until: datetime) -> tuple[Path, ExtractTruth]:
        """Write the remaining stories and the manifest; the manifest's path and the expected counts."""
        while self._waiting:
            self._tell()
        rows = self._file.rows - (self.csv and self._file.rows > 0)
        digest = self._file.close()
        manifest = self.folder / f"{self.name}.manifest.json"
        write_manifest(
            manifest,
            {
                "format": "socialsog-extract/1",
                "district": self.district,
                "sequence": self.sequence,
                "covers_until": covers_until.isoformat(),
                "rows": rows,
                "sha256": digest,
                "file": self._file.path.name if rows else None,
                "media_type": "text/csv" if self.csv else "application/x-ndjson",
            },
        )
        fates = {fate: self._fates[fate] for fate in ("corrected", "withdrawn", "repeated", "stale", "quarantined")}
        return manifest, ExtractTruth(self.name, rows, rows - sum(fates.values()), **fates)

    def _append(self, line: bytes) -> None:
        if self.csv and self._file.rows == 0:
            self._file.write(",".join(FIELDS).encode())
        self._file.write(line)

    def _tell(self) -> None:
        planted = self._waiting.pop()
        self._append(bad_line(planted, self.csv) if planted.fault else self._encode(planted.row))
        if planted.fate != "new":
            self._fates[planted.fate] += 1
            self.truth.append(
                RowTruth(
                    self._file.path.name,
                    self._file.rows,
                    planted.fate,
                    planted.reason,
                    planted.field,
                    planted.story,
                )
            )


def write_extracts(
    folder: Path,
    districts: Iterable[str],
    sequence: int,
    covers_until: datetime,
    background: Iterable[Row],
    planted: Iterable[Planted],
    seed: int,
) -> tuple[dict[str, Path], list[RowTruth], list[ExtractTruth]]:
    """Write one extract per district; manifests by district, and the truth about their rows."""
    folder.mkdir(parents=True, exist_ok=True)
    by_district: defaultdict[str, list[Planted]] = defaultdict(list)
    for item in planted:
        by_district[item.row.district].append(item)
    writers = {code: ExtractWriter(folder, code, sequence, by_district[code], seed) for code in districts}
    for row in background:
        writers[row.district].write(row)
    closed = {code: writer.close(covers_until) for code, writer in writers.items()}
    rows = [truth for writer in writers.values() for truth in writer.truth]
    return {code: path for code, (path, _) in closed.items()}, rows, [counts for _, counts in closed.values()]
