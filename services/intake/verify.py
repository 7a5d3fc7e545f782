"""The first pass over a data file: is it what the manifest says? Digest, number of rows and header, in a stream.

Only then is a single row taken, so that a damaged file is refused whole.
"""

import hashlib
from typing import NamedTuple

from services.intake.domain.line import HEADER
from services.intake.domain.manifest import Manifest
from services.intake.domain.reasons import Refusal
from services.intake.inbox import DataFile, Inbox, content


class Verified(NamedTuple):
    """A data file whose bytes are the manifest's. Rows begin at byte `offset`, after `line` lines."""

    fingerprint: str
    offset: int
    line: int


NO_DATA = Verified("", 0, 0)


def verify(inbox: Inbox, manifest: Manifest) -> Verified:
    """Check a data file against its manifest. Raises Refusal."""
    if manifest.file is None:
        return NO_DATA
    with inbox.data(manifest.file) as data:
        before = data.fingerprint()
        first, digest, lines = _pass(data)
        if digest != manifest.sha256 or data.fingerprint() != before:
            raise Refusal("wrong_digest", "sha256")
    with_header = manifest.media_type == "text/csv"
    if lines - (with_header and lines > 0) != manifest.rows:
        raise Refusal("wrong_rows", "rows")
    if not with_header:
        return Verified(before, 0, 0)
    if content(first) != HEADER:
        raise Refusal("wrong_header")
    return Verified(before, len(first), 1)


def _pass(data: DataFile) -> tuple[bytes, str, int]:
    """The first line, the digest and the number of lines that are not empty."""
    digest = hashlib.sha256()
    first, lines, begins = b"", 0, True
    for piece in data.pieces():
        digest.update(piece)
        first = first or piece
        if begins and content(piece):
            lines += 1
        begins = piece.endswith(b"\n")
    return first, digest.hexdigest(), lines
