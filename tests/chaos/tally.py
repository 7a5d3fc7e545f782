"""Which strikes hit and which missed. Only a strike that had its effect was survived; all others prove nothing."""

from collections import Counter
from concurrent.futures import Future
from threading import Lock

Struck = bool | Future[bool]
"""Whether a strike hit: had its effect; or what will say so, where that turns out only later."""


class Tally:
    """Counts strikes by name. What is not known yet is in neither count; once all is mended, everything is known."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._struck: list[tuple[str, Struck]] = []

    def add(self, name: str, struck: Struck) -> None:
        """One more strike."""
        with self._lock:
            self._struck.append((name, struck))

    @property
    def hits(self) -> Counter[str]:
        """Strikes that had their effect."""
        return self._count(True)

    @property
    def missed(self) -> Counter[str]:
        """Strikes that found nothing to strike, that another one was in the way of, or that nobody felt."""
        return self._count(False)

    def _count(self, wanted: bool) -> Counter[str]:
        with self._lock:
            return Counter(name for name, struck in self._struck if _known(struck) is wanted)


def _known(struck: Struck) -> bool | None:
    """What is known by now. A mending that failed is raised where all are waited for, and no strike that hit."""
    if isinstance(struck, bool):
        return struck
    if not struck.done():
        return None
    return struck.exception() is None and struck.result()
