"""The manifest of a police extract, checked field by field, and what is to be done with an extract now.

Source: docs/extracts.md, sections 2 and 5.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

import msgspec

from events.municipalities import DISTRICTS
from events.weeks import week_ending
from services.intake.domain.moments import moment
from services.intake.domain.reasons import Refusal
from services.intake.domain.row import MediaType

FORMAT = "socialsog-extract/1"
NAME = re.compile(r"([0-9]{4})-([0-9]{5})")
"""What the names of an extract's files begin with: district and five-digit sequence."""
LARGEST_SEQUENCE = 99_999
AHEAD = timedelta(days=1)
"""How far `covers_until` may lie after now: clocks differ, and may be put right. What lies further ahead is a wrong date."""
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class Manifest(msgspec.Struct, frozen=True):
    """A good manifest. `rows` are data rows; `file` is None when there are none."""

    district: str
    sequence: int
    covers_until: datetime
    rows: int
    sha256: str
    file: str | None
    media_type: MediaType

    @property
    def extract_id(self) -> str:
        """`<district>-<sequence>`, the sequence with five digits."""
        return f"{self.district}-{self.sequence:05d}"

    @property
    def week(self) -> str:
        """The ISO week that ends at `covers_until`."""
        return week_ending(self.covers_until)


def _text(value: object) -> bool:
    return isinstance(value, str)


def _whole(low: int, high: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _moment(value: object) -> bool:
    try:
        return bool(moment(value))
    except ValueError:
        return False


_FORMS: dict[str, Callable[[object], bool]] = {
    "format": _text,
    "district": _text,
    "sequence": _whole(1, LARGEST_SEQUENCE),
    "covers_until": _moment,
    "rows": _whole(0, 2**31 - 1),
    "sha256": lambda value: isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None,
    "file": lambda value: value is None or isinstance(value, str),
    "media_type": lambda value: value in get_args(MediaType),
}


def parse_manifest(name: str, content: bytes) -> Manifest:
    """The manifest in these bytes; `name` is what its file name begins with. Raises Refusal."""
    found = _object(content)
    if isinstance(found.get("format"), str) and found["format"] != FORMAT:
        raise Refusal("unknown_format")  # before the fields: another format has other ones
    for field, has_form in _FORMS.items():
        if field not in found or not has_form(found[field]):
            raise Refusal("manifest_field", field)
    if found.keys() - _FORMS.keys():
        raise Refusal("manifest_field")
    if (found["file"] is None) is not (found["rows"] == 0):
        raise Refusal("manifest_field", "file")
    if found["district"] not in DISTRICTS:
        raise Refusal("unknown_district")
    manifest = Manifest(
        **{field: found[field] for field in _FORMS if field not in ("format", "covers_until")},
        covers_until=moment(found["covers_until"]),
    )
    _check_names(name, manifest)
    return manifest


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(content)
    except (ValueError, RecursionError):
        raise Refusal("manifest_unreadable") from None
    if not isinstance(found, dict):
        raise Refusal("manifest_unreadable")
    return found


def _check_names(name: str, manifest: Manifest) -> None:
    if name != manifest.extract_id:
        raise Refusal("name_mismatch")
    if manifest.file not in (None, f"{name}.csv", f"{name}.jsonl"):
        raise Refusal("name_mismatch", "file")
    if manifest.file is None and manifest.sha256 != EMPTY_SHA256:
        raise Refusal("wrong_digest")


class Accepted(msgspec.Struct, frozen=True):
    """What the rule below needs to know of an extract that was accepted before."""

    sha256: str
    covers_until: datetime
    read: bool


Step = Literal["accept", "continue", "repeated", "wait"]
"""Take it; go on reading it; nothing, it was read before; the extract before it is still being read."""


def next_step(manifest: Manifest, own: Accepted | None, before: Accepted | None, now: datetime) -> Step:
    """What to do with an extract now, given what was accepted under its own and the previous number. Raises Refusal.

    One that claims the future is refused: once accepted, its district would count as delivered until then, whatever is missing.
    """
    if own is not None:
        if own.sha256 != manifest.sha256:
            raise Refusal("sequence_reused")
        return "repeated" if own.read else "continue"
    if manifest.covers_until > now + AHEAD:
        raise Refusal("covers_until_future", "covers_until")
    if manifest.sequence > 1:
        if before is None:
            raise Refusal("sequence_gap")
        if manifest.covers_until < before.covers_until:
            raise Refusal("covers_until_earlier", "covers_until")
        if not before.read:
            return "wait"
    return "accept"
