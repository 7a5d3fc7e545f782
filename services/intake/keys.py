"""Which keys the rows in the database are hashed under, and how they get under a new one.

Journal numbers are not kept, so they cannot be hashed anew. Instead a new key is one more layer of HMAC-SHA256 over what is kept,
put on in one transaction, by PostgreSQL itself (its `sha256` and the standard's two pads). The fingerprint of the ring moves in
the same transaction; every batch asks for it first and holds it, so no row is ever looked up or written under another ring.
"""

from services.intake.domain.keyed import DIGEST_BYTES, Keyed, fingerprint, layer
from services.runtime.errors import Transient
from services.runtime.transaction import Transaction

BLOCK_BYTES = 64
"""SHA-256's block, to which HMAC fills up its key."""
_REMEMBER = """
    INSERT INTO key_ring (id, fingerprint)
    SELECT 1, CASE WHEN EXISTS (SELECT FROM record) THEN :first ELSE :whole END ON CONFLICT DO NOTHING
"""
"""Rows from before rings were kept are hashed under the first key."""
_SAME = "SELECT 1 FROM key_ring WHERE fingerprint = :whole FOR SHARE"
_HELD = "SELECT fingerprint FROM key_ring FOR UPDATE"
_LAYER = f"""
    UPDATE record SET key = sha256(CAST(:record_outer AS bytea) || sha256(CAST(:record_inner AS bytea) || key)),
        content = substring(
            sha256(CAST(:content_outer AS bytea) || sha256(CAST(:content_inner AS bytea) || content)) FROM 1 FOR {DIGEST_BYTES})
"""
_MOVE = "UPDATE key_ring SET fingerprint = :whole"


def confirm(transaction: Transaction, keyed: Keyed) -> None:
    """Hold the ring until commit; bring what is kept under it first where it is behind. Raises Transient when we are behind."""
    whole = fingerprint(keyed.keys)
    if transaction.execute(_SAME, {"whole": whole}).first():
        return
    transaction.execute(_REMEMBER, {"first": fingerprint(keyed.keys[:1]), "whole": whole})
    held = transaction.execute(_HELD).scalar_one()
    depths = [depth for depth in range(1, len(keyed.keys) + 1) if fingerprint(keyed.keys[:depth]) == held]
    if not depths:
        raise Transient("pseudonym_key_is_another: mount the ring that these rows were hashed under, and restart intake")
    for key in keyed.keys[depths[0] :]:
        transaction.execute(_LAYER, pads(key))
    transaction.execute(_MOVE, {"whole": whole})


def pads(key: str) -> dict[str, bytes]:
    """HMAC's two pads of a new key, for row keys and for contents."""
    made = {}
    for use in ("record", "content"):
        filled = layer(key, use.encode()).ljust(BLOCK_BYTES, b"\0")
        made[f"{use}_inner"] = bytes(byte ^ 0x36 for byte in filled)
        made[f"{use}_outer"] = bytes(byte ^ 0x5C for byte in filled)
    return made
