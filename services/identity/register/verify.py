"""Is a delivery what its manifest says? Digest and number of rows, in a stream, before a single line is taken."""

import hashlib

from services.identity.domain.manifest import Manifest, Refused
from services.identity.register.inbox import Inbox

_EMPTY = hashlib.sha256().hexdigest()


def verify(inbox: Inbox, manifest: Manifest) -> str:
    """Check the data file; its fingerprint ("" without data). Raises Refused."""
    if manifest.file is None:
        if manifest.sha256 != _EMPTY:
            raise Refused("wrong_digest", "sha256")
        return ""
    with inbox.data(manifest.file) as data:
        before = data.fingerprint()
        digest, rows = data.measure()
        if digest != manifest.sha256 or data.fingerprint() != before:
            raise Refused("wrong_digest", "sha256")
    if rows != manifest.rows:
        raise Refused("wrong_rows", "rows")
    return before
