"""The rules of counting. What each fact adds to which count is its *share*; of each aggregate only the newest version counts.

So repeating and reordering change nothing, and a draft is counted once, in the state it is in. Memory is bounded: of each
aggregate two integers are kept, 120 bytes together; shares that are the same are kept once.
"""

from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, NamedTuple

from events.alias import Alias
from events.candidate import Candidate
from events.case import Case
from events.decision import Decision
from events.delivery import Delivery
from events.evidence import Evidence
from events.extract import Extract
from events.run import Run
from events.weeks import week_ending

WEEK, MUNICIPALITY, PERSONS, EVIDENCE = "week", "municipality", "persons", "evidence"
UNKNOWN = "unknown"
"""Stands for the municipality of a child that has none (yet)."""


class Cell(NamedTuple):
    """One count: of what table, which row of it (a week, a municipality), which stage or state."""

    table: str
    row: str
    stage: str


Share = tuple[tuple[Cell, int], ...]


def _extract(extract: Extract) -> Share:
    week = week_ending(extract.covers_until)
    rows = extract.counts
    counts = {
        "extracts": 1,
        "rows": rows.rows,
        "rows_quarantined": rows.quarantined,
        "records": rows.new + rows.corrected,
        "records_withdrawn": rows.withdrawn,
    }
    return tuple((Cell(WEEK, week, stage), n) for stage, n in counts.items() if n)


def _alias(alias: Alias) -> Share:
    return ((Cell(PERSONS, "", alias.standing if alias.canonical == alias.pseudonym else "merged"), 1),)


def _evidence(evidence: Evidence) -> Share:
    state = "merged" if evidence.merged_into else "live" if evidence.item.live else "withdrawn"
    return ((Cell(EVIDENCE, "", state), 1),)


def _candidate(candidate: Candidate) -> Share:
    return ((Cell(WEEK, candidate.week, "candidates"), 1),)


def _run(run: Run) -> Share:
    counts = {
        f"run_{run.status}": 1,
        "adults": run.counts.adults,
        "adults_rule_met": run.counts.rule_met,
        "adults_rule_not_met": run.counts.rule_not_met,
        "adults_no_child": run.counts.no_child,
        "adults_tie_excluded": run.counts.tie_excluded,
    }
    return tuple((Cell(WEEK, run.week, stage), n) for stage, n in counts.items())


def _case(case: Case) -> Share:
    if case.draft is None:
        return ()
    asked = (Cell(WEEK, case.draft.week, "drafts_asked"), 1)
    return (asked, (Cell(WEEK, case.draft.week, "drafts_open"), 1)) if case.draft.open else (asked,)


def _decision(decision: Decision) -> Share:
    state = f"drafts_{decision.state}"
    shown = ((Cell(WEEK, decision.week, state), 1), (Cell(MUNICIPALITY, decision.residence.municipality or UNKNOWN, state), 1))
    return (*shown, (Cell(WEEK, decision.week, "automatic"), 1)) if decision.automatic else shown


def _delivery(delivery: Delivery) -> Share:
    place = Cell(MUNICIPALITY, delivery.municipality or UNKNOWN, delivery.state)
    return ((Cell(WEEK, delivery.week, delivery.state), 1), (place, 1))


_SHARES: dict[type, Callable[[Any], Share]] = {
    Extract: _extract,
    Alias: _alias,
    Evidence: _evidence,
    Candidate: _candidate,
    Run: _run,
    Case: _case,
    Decision: _decision,
    Delivery: _delivery,
}


def share(fact: object) -> Share:
    """What a fact adds to which counts. Raises KeyError for a fact that nobody counts."""
    return _SHARES[type(fact)](fact)


def counted_as(fact: object, key: str) -> str:
    """Under which id a fact is counted once: its aggregate's; a case's draft by its own, since a case has one after another."""
    return str(fact.draft.draft_id) if isinstance(fact, Case) and fact.draft else key


VERSION_SHIFT = 32
"""Bits for the number of a share; the version stands above them in the same integer."""


class Tally:
    """All counts. `apply` facts in any order and as often as you like."""

    def __init__(self) -> None:
        self.cells: Counter[Cell] = Counter()
        self.highest: dict[str, int] = {}
        self.stale = 0
        self._latest: dict[int, int] = {}
        self._shares: list[Share] = []
        self._number: dict[Share, int] = {}

    def apply(self, topic: str, key: str, version: int, fact: object) -> bool:
        """Count a fact unless its aggregate is known in this version or a higher one; whether it counted."""
        digest = blake2b(f"{topic}\0{counted_as(fact, key)}".encode(), digest_size=8).digest()
        aggregate = int.from_bytes(digest, "big")
        known = self._latest.get(aggregate)
        if known is not None and known >> VERSION_SHIFT >= version:
            self.stale += 1
            return False
        if known is not None:
            self._add(self._shares[known & (1 << VERSION_SHIFT) - 1], -1)
        new = share(fact)
        self._latest[aggregate] = version << VERSION_SHIFT | self._number_of(new)
        self._add(new, 1)
        return True

    def number(self, source: str, position: int) -> None:
        """Count a gapless series by its highest number."""
        self.highest[source] = max(position, self.highest.get(source, 0))

    def _number_of(self, new: Share) -> int:
        number = self._number.setdefault(new, len(self._shares))
        if number == len(self._shares):
            self._shares.append(new)
        return number

    def _add(self, counted: Share, sign: int) -> None:
        for cell, amount in counted:
            self.cells[cell] += sign * amount
            if not self.cells[cell]:
                del self.cells[cell]


Table = dict[str, dict[str, int]]


def tables(tally: Tally) -> tuple[Table, Table]:
    """Counts by week and by municipality."""
    weeks: Table = {}
    municipalities: Table = {}
    shown = {WEEK: weeks, MUNICIPALITY: municipalities}
    for cell, amount in tally.cells.items():
        if cell.table in shown:
            shown[cell.table].setdefault(cell.row, {})[cell.stage] = amount
    return weeks, municipalities


def states(tally: Tally, table: str) -> dict[str, int]:
    """Counts of a table that has no rows, by state."""
    return {cell.stage: amount for cell, amount in tally.cells.items() if cell.table == table}


def rates(samples: list[tuple[float, Counter[str]]]) -> dict[str, float]:
    """Messages per second and topic between the first and the last of these samples (second, messages seen)."""
    if len(samples) < 2 or samples[-1][0] <= samples[0][0]:
        return {}
    (start, before), (end, after) = samples[0], samples[-1]
    return {topic: round((seen - before[topic]) / (end - start), 1) for topic, seen in after.items()}
