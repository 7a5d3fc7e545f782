"""What the alarm rules see: the weekless measures of all ledger views at one moment, and for how long each relay stood still.

Two clocks are told apart. *Business* time is the injected clock: drafts, receipts, districts, held runs and dead letters age by
it. *Real* time is the database's: relays, machine clocks and the scheduler are judged by it, whatever a simulated clock says.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

Place = str
"""`service topic/partition` of an outbox."""


@dataclass(frozen=True)
class Stall:
    """How far an outbox was published when somebody first saw it no further, and since when, by real time."""

    published: int
    since: datetime


@dataclass(frozen=True)
class Vitals:
    """One snapshot. `amounts` are by (service, measure); a measure is `name:label`."""

    business: datetime
    real: datetime
    amounts: Mapping[tuple[str, str], int]
    stalls: Mapping[Place, Stall] = field(default_factory=dict)

    def labelled(self, service: str, name: str) -> dict[str, int]:
        """A service's amounts of a measure by label."""
        return {label: amount for owner, label, amount in self.everywhere(name) if owner == service}

    def everywhere(self, name: str) -> Iterator[tuple[str, str, int]]:
        """(service, label, amount) of a measure, of every service."""
        for (service, measure), amount in sorted(self.amounts.items()):
            known, _, label = measure.partition(":")
            if known == name:
                yield service, label, amount


def moment(seconds: int) -> datetime:
    """The moment that a measure of seconds since 1970 means."""
    return datetime.fromtimestamp(seconds, UTC)


def stalls(before: Mapping[Place, Stall], now: Vitals) -> dict[Place, Stall]:
    """Which outboxes have rows waiting, and since when their published position is the same as it is now."""
    found = {}
    for service, label, published in now.everywhere("behind"):
        known = before.get(place := f"{service} {label}")
        found[place] = known if known and known.published == published else Stall(published, now.real)
    return found
