"""Whether reading goes on. Faust can stop without a word, as after a broker's restart; so it is watched from outside."""

from collections.abc import Mapping

from services.monitoring.board import Place

STALL_SECONDS = 20.0
"""Longer than a rebalance and a broker's restart (3 to 10 s) take together with Faust's own attempts to go on."""


class BeginAgain(Exception):
    """What has been counted is to be thrown away and everything read anew; `str()` is a reason code."""


class Progress:
    """Compares, from time to time, the places reached with the ends of the topics."""

    def __init__(self) -> None:
        self._places: dict[Place, int] = {}
        self._moved_at: float | None = None

    def check(self, places: Mapping[Place, int], ends: Mapping[Place, int], now: float) -> None:
        """Raise BeginAgain when a log has become shorter than what was read of it, or nothing moves although there is more."""
        if any(end < places.get(place, 0) for place, end in ends.items()):
            raise BeginAgain("log_lost_its_tail")
        waiting = any(end > places.get(place, 0) for place, end in ends.items())
        if not waiting or self._moved_at is None or places != self._places:
            self._places, self._moved_at = dict(places), now
        elif now - self._moved_at > STALL_SECONDS:
            raise BeginAgain("stalled")
