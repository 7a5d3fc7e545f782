"""The manifest of a register delivery: what it must say, and the reasons for which a delivery is refused whole.

Source: docs/extracts.md, sections 5 and 7.
"""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from services.identity.domain import forms
from services.identity.domain.checks import Checker

FORMAT = "socialsog-register/1"
NAME = re.compile(r"register-(\d{5})\.manifest\.json")
Kind = Literal["full", "changes", "institutions"]
Reason = Literal[
    "manifest_unreadable",
    "manifest_field",
    "unknown_format",
    "name_mismatch",
    "sequence_gap",
    "sequence_reused",
    "data_missing",
    "wrong_digest",
    "wrong_rows",
    "load_failed",
]
"""`load_failed` is ours: the database refused good lines, which is an error of this program (the field holds the SQLSTATE)."""


class Refused(Exception):
    """A delivery is refused whole; nothing of it is taken."""

    def __init__(self, reason: Reason, field: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One delivery: `rows` lines in `file`, whose bytes have the digest `sha256`."""

    format: str
    kind: Kind
    sequence: Annotated[int, msgspec.Meta(ge=1, le=99_999)]
    version_at: Annotated[datetime, msgspec.Meta(tz=True)]
    rows: Annotated[int, msgspec.Meta(ge=0)]
    sha256: str
    file: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] | None = None


def sequence_of(name: str) -> int:
    """The sequence number in a manifest's file name; 0 where there is none."""
    found = NAME.fullmatch(name)
    return int(found.group(1)) if found else 0


_CHECKER = Checker(Manifest, {"sha256": forms.digest})


def parse(name: str, content: bytes) -> Manifest:
    """The manifest in these bytes, from the file `name`. Raises Refused."""
    try:
        document: Any = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused("manifest_unreadable") from None
    if not isinstance(document, dict):
        raise Refused("manifest_unreadable")
    if document.get("format", FORMAT) != FORMAT:
        raise Refused("unknown_format", "format")
    if "file" not in document:
        raise Refused("manifest_field", "file")
    if fault := _CHECKER.fault(document):
        raise Refused("manifest_field", fault.field)
    return _consistent(name, msgspec.convert(document, Manifest))


def _consistent(name: str, manifest: Manifest) -> Manifest:
    if (manifest.file is None) != (manifest.rows == 0):
        raise Refused("manifest_field", "file")
    if sequence_of(name) != manifest.sequence:
        raise Refused("name_mismatch", "sequence")
    if manifest.file is not None and (re.search(r"[/\\\x00]", manifest.file) or manifest.file in (".", "..")):
        raise Refused("name_mismatch", "file")
    return manifest
