"""One whole week, from the first row read to the last receipt and audit entry, and where its seconds go.

People decide as soon as they can, so that only the system's own time counts. The run is started by the operator's door at the
moment everything has arrived, which is what the schedule would do at 05:00.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from events.topics import AUDIT
from services import ledger
from services.simulator import reviewers
from services.simulator.drive import DECISIONS_AT, RUN_AT
from tests.benchmarks import baselines, plain
from tests.benchmarks.load import arrived
from tests.benchmarks.meter import Meter, spent_between
from tests.benchmarks.results import Figure, Results
from tests.benchmarks.sizes import Bench, hand_over
from tests.benchmarks.town import LONGEST_SECONDS, Town

AFTER_MIDNIGHT = timedelta(hours=1)
_OPEN = """
    SELECT (SELECT count(*) FROM deduplication.draft WHERE week = %(week)s)
        = (SELECT count(*) FROM notification.draft WHERE week = %(week)s AND state <> 'composing')
        AND NOT EXISTS (SELECT FROM notification.work)
"""
_OPEN_DELIVERIES = """
    SELECT (SELECT count(*) FROM notification.letter) - (SELECT coalesce(sum(amount), 0) FROM delivery.ledger
        WHERE measure IN ('acknowledged', 'refused', 'failed', 'suppressed', 'returned'))
        + (SELECT count(*) FROM notification.draft WHERE state IN ('waiting', 'composing'))
        + (SELECT count(*) FROM notification.work)
"""
_ACKNOWLEDGED = "SELECT coalesce(sum(amount), 0) FROM delivery.ledger WHERE week = %(week)s AND measure = 'acknowledged'"
_WAITING = "SELECT count(*) FROM notification.draft WHERE state IN ('waiting', 'composing')"
MOST_OF_QUERY = 3
"""Times the seconds of one plain query."""
TOPICS_AFTER_RUN = (
    ("screening.candidate.v1", "screening", "deduplication"),
    ("screening.evidence.v1", "screening", "deduplication"),
    ("screening.run.v1", "screening", "deduplication"),
    ("deduplication.case.v1", "deduplication", "notification"),
    ("deduplication.case.v1", "deduplication", "delivery"),
    ("notification.decision.v1", "notification", "deduplication"),
    ("notification.decision.v1", "notification", "delivery"),
    ("delivery.state.v1", "delivery", "deduplication"),
)


class Differs(Exception):
    """The run and the plain query answer differently: then their times are no comparison, and one of them is wrong."""


class Week:
    """Takes one week through the system, stage by stage."""

    def __init__(self, town: Town, bench: Bench, number: int, after_run: Callable[["Week"], None] = lambda week: None) -> None:
        self.town, self.bench, self.number, self._after_run = town, bench, number, after_run
        self.label = bench.world.calendar.label(number)
        self.stages: dict[str, float] = {}
        self._since = 0.0

    def go(self) -> None:
        """All of it; the seconds of each stage are in `stages`."""
        calendar = self.bench.world.calendar
        self.town.system.clock.move(calendar.end(self.number) + AFTER_MIDNIGHT)
        self._since = time.monotonic()
        self._read()
        self._run()
        self._after_run(self)
        self._since = time.monotonic()
        self.town.system.clock.move(calendar.end(self.number) + RUN_AT)
        hand_over([self.bench.register(2 * self.number + 2)], self.town.settings.inbox)
        self._compose()
        self.town.system.clock.move(calendar.end(self.number) + DECISIONS_AT)
        reviewers.review(self.town.doors)
        self._lap("decisions taken")
        self._deliver()

    def _lap(self, stage: str) -> None:
        now = time.monotonic()
        self.stages[stage] = now - self._since
        self._since = now

    def _read(self) -> None:
        town = self.town
        hand_over([self.bench.register(2 * self.number + 1), *self.bench.extracts(self.number)], town.settings.inbox)
        expected = len(self.bench.extracts(0)) * (self.number + 1)
        town.wait("register changes read", lambda: town.read_register() >= 2 * self.number + 1)
        town.wait("extracts read", lambda: town.read_extracts() == expected)
        self._lap("extracts and register read")
        town.wait("records arrived", lambda: arrived(town))
        town.wait("aliases arrived", lambda: town.arrived("identity.alias.v1", "identity", "screening"))
        self._lap("records stored in screening")

    def _run(self) -> None:
        def ran() -> bool:
            begun = time.monotonic()
            answer = self.town.doors.post("operator", "screening", "/runs", {"week": self.label})
            self.stages["run"] = time.monotonic() - begun
            return bool(answer["status"] in ("finished", "braked"))

        self.town.wait("run", ran)

    def _compose(self) -> None:
        town = self.town
        town.wait("register changes after the run", lambda: town.read_register() >= 2 * self.number + 2)
        reviewers.close_unidentifiable(town.doors)
        self._quiet()
        town.wait("letters composed", lambda: bool(town.ask(_OPEN, week=self.label)))
        self._lap("cases and letters")

    def _quiet(self) -> None:
        for topic, writer, reader in TOPICS_AFTER_RUN:
            self.town.wait(f"{topic} handled", partial(self.town.arrived, topic, writer, reader))

    def _deliver(self) -> None:
        self.town.wait("receipts", self._settled, LONGEST_SECONDS)
        self._lap("sent and acknowledged")
        for service, topic in AUDIT.items():
            self.town.wait("audit log complete", partial(self.town.arrived, topic.name, service, "audit"))
        self._lap("audit log complete")

    def _settled(self) -> bool:
        if self.town.ask(_WAITING):
            reviewers.review(self.town.doors)
        return not self.town.ask(_OPEN_DELIVERIES)


def first(town: Town, bench: Bench, meter: Meter, results: Results) -> None:
    """The programme's first week, whose run covers the whole history."""
    week = Week(town, bench, 1)
    week.go()
    results.add(Figure("first week (covers the history)", sum(week.stages.values()), "s", detail=week.stages))


def measured(town: Town, bench: Bench, meter: Meter, results: Results, number: int) -> None:
    """A week like any other: seconds by stage, the run against one plain query, and the account of it all."""
    week, before = Week(town, bench, number, lambda ran: _against_query(town, ran, results)), meter.cpu()
    week.go()
    detail = week.stages | {f"CPU s {name}": s for name, s in spent_between(before, meter.cpu()).items() if s >= 0.1}
    detail["letters acknowledged"] = float(town.ask(_ACKNOWLEDGED, week=week.label))
    results.add(Figure("whole week", sum(week.stages.values()), "s", detail=detail))
    _account(town, week, results)


def _against_query(town: Town, week: Week, results: Results) -> None:
    """The same question in one query, asked before the register learns what the run did not know."""
    with town.connect() as connection:
        bare = baselines.median(lambda: plain.ask(connection, week.label)[0])
        wanted, got = plain.ask(connection, week.label)[1], plain.found_by_run(connection, week.label)
    run = week.stages["run"]
    detail = {"pairs, query": 1.0 * len(wanted), "pairs, run": len(got), "pairs in both": len(wanted & got)}
    goal, met = f"at most {MOST_OF_QUERY}", run <= MOST_OF_QUERY * bare
    results.add(Figure("weekly screening", run, "s", bare, "one SQL query", run / bare, goal, met, detail))
    if wanted != got:
        raise Differs(f"{week.label}: the query alone finds {len(wanted - got)} pairs, the run alone {len(got - wanted)}")


def _account(town: Town, week: Week, results: Results) -> None:
    begun = time.monotonic()
    found = [each for each in ledger.weeks(ledger.read(town.settings)) if each.week == week.label]
    took = time.monotonic() - begun
    balanced = float(bool(found) and not found[0].unbalanced)
    results.add(Figure("ledger of all weeks", took, "s", detail={"balanced (1 = yes)": balanced, "open": len(found[0].open)}))
