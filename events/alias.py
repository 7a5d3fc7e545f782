"""`identity.alias.v1`: what is known of one pseudonym – whose it is now, and whether the person is identified.

When two pseudonyms turn out to be one person, one of them gets the other as `canonical`. Every holder of pseudonyms keeps
one alias table and resolves when reading; nothing is re-keyed. Undoing a merge is simply a newer version.
"""

from uuid import UUID

import msgspec

from events.record import Standing


class Alias(msgspec.Struct, frozen=True):
    """State of one pseudonym; `canonical` is the pseudonym itself unless it was merged into another (never a chain)."""

    pseudonym: UUID
    canonical: UUID
    standing: Standing
