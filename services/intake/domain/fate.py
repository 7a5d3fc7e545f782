"""What a row does to what is held under its key: the heart of intake, one small pure rule.

The highest revision wins, whatever the order and however often rows come; of two contents of one revision the first stays.
Source: docs/extracts.md, section 4.
"""

from typing import Literal

import msgspec

from events.record import Status

Fate = Literal["new", "corrected", "withdrawn", "repeated", "stale", "conflict"]


class State(msgspec.Struct, frozen=True, gc=False):
    """A revision of a row. `content` is the keyed digest of all sixteen values."""

    revision: int
    status: Status
    content: bytes


def fate(held: State | None, offered: State) -> Fate:
    """The fate of an offered revision. A key never seen that arrives withdrawn is *withdrawn*: it is published all the same."""
    if held is not None and offered.revision < held.revision:
        return "stale"
    if held is not None and offered.revision == held.revision:
        return "repeated" if offered.content == held.content else "conflict"
    if offered.status == "withdrawn":
        return "withdrawn"
    return "new" if held is None else "corrected"


def is_news(fate: Fate) -> bool:
    """Whether the offered revision takes the place of what was held, and is published."""
    return fate in ("new", "corrected", "withdrawn")
