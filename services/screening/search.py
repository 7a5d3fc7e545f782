"""The weekly search itself: fresh evidence → adults whose rules are met → their children → candidates. All in one transaction.

Rows are read without locks; whoever covers or tells of a piece of evidence checks that its version is still the one that was
counted. If not, everything rolls back and the run starts again: resuming is starting again.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row

from events import weeks
from events.candidate import Candidate, CandidateAdult
from events.http.identity import ExcludedTie, Tie, TiesAnswer, TiesRequest
from services.runtime.errors import Transient
from services.runtime.transaction import Transaction
from services.screening import queries
from services.screening.copying import copy, temporary
from services.screening.domain import catalogue as rules
from services.screening.domain.catalogue import Rule
from services.screening.domain.verdicts import Verdict, children, verdicts
from services.screening.evidence import item
from services.screening.shelf import Entry

AskTies = Callable[[TiesRequest], TiesAnswer]
PATIENCE = "SET LOCAL idle_in_transaction_session_timeout = '180s'"
"""While identity answers, which may take two minutes, this transaction is idle."""
TIES_BATCH = 1_000
"""Adults per question to identity: an answer of some 300 kB, within a second."""


@dataclass(frozen=True)
class Scope:
    """What one run is about. `begin`: the start of the programme; what was registered before it is history."""

    run_id: UUID
    week: str
    begin: datetime
    entry: Entry
    missing: Sequence[str]


@dataclass(frozen=True)
class Hit:
    """A candidate, and the district of the newest fresh evidence behind it."""

    candidate: Candidate
    district: str


@dataclass(frozen=True)
class Found:
    """Everything that a search found. `evidence`: pieces that were fresh."""

    register_version: int
    evidence: int
    verdicts: Mapping[UUID, Verdict]
    hits: Sequence[Hit]


@dataclass(frozen=True)
class Ties:
    """All answers of identity put together."""

    register_version: int
    ties: list[Tie]
    excluded: list[ExcludedTie]


def search(transaction: Transaction, scope: Scope, ask: AskTies) -> Found:
    """Search, and cover what was considered. Raises Transient when something changed meanwhile."""
    transaction.execute(PATIENCE)
    evidence = _consider(transaction, scope)
    adults = {row.person: row.counted for row in transaction.execute(queries.ADULTS)}
    fired = _fired(transaction, scope)
    ties = _ties(scope, sorted(fired), ask)
    found = children(fired, ties.ties)
    hits = _hits(transaction, scope, found)
    _cover(transaction, scope)
    return Found(ties.register_version, evidence, verdicts(adults, fired, found, ties.ties, ties.excluded), hits)


def _consider(transaction: Transaction, scope: Scope) -> int:
    """Fill the run's temporary tables; how many pieces of evidence are fresh."""
    for name, columns in queries.TABLES.items():
        temporary(transaction, name, columns)
    values = {"begin": scope.begin, "start": weeks.start(scope.week), "end": weeks.end(scope.week)}
    transaction.execute(queries.CONSIDER, values)
    _copy_catalogue(transaction, scope)
    transaction.execute("ANALYZE considered, counting")
    farthest = max(rule.look_back_months for rule in scope.entry.catalogue.rules)
    transaction.execute(queries.COLLECT, values | {"since": weeks.months_before(scope.week, farthest)})
    transaction.execute("ANALYZE piece")
    return int(transaction.execute("SELECT count(*) FROM considered WHERE fresh").scalar_one())


def _copy_catalogue(transaction: Transaction, scope: Scope) -> None:
    catalogue = scope.entry.catalogue
    columns = ("code_scheme", "code", "role", "outcome", "child_present", "valid_from", "valid_until")
    counting = (
        (code.scheme, code.code, role, outcome, child_present, code.valid_from, code.valid_until)
        for code in catalogue.codes
        for child_present in (True, False)
        for role in rules.roles(catalogue, code.category, child_present)
        for outcome in catalogue.counting.outcomes
    )
    copy(transaction, "counting", columns, counting)
    members = (
        (rule.id, rule.pieces, rule.dates, weeks.months_before(scope.week, rule.look_back_months), *key)
        for rule in catalogue.rules
        for key in rules.members(catalogue, rule)
    )
    copy(transaction, "member", ("rule", "pieces", "dates", "since", "code_scheme", "code"), members)


def _fired(transaction: Transaction, scope: Scope) -> dict[UUID, list[Rule]]:
    by_id = {rule.id: rule for rule in scope.entry.catalogue.rules}
    fired: dict[UUID, list[Rule]] = defaultdict(list)
    for row in transaction.execute(queries.FIRED):
        fired[row.person].append(by_id[row.rule])
    return dict(fired)


def _ties(scope: Scope, adults: Sequence[UUID], ask: AskTies) -> Ties:
    """Ask identity, in batches; once also when there is nobody to ask about, for the version of its register."""
    at = weeks.end(scope.week)
    answers = [
        ask(TiesRequest(scope.run_id, scope.week, list(adults[first : first + TIES_BATCH]), at))
        for first in range(0, max(len(adults), 1), TIES_BATCH)
    ]
    if len({answer.register_version for answer in answers}) > 1:
        raise Transient("register_changed_during_run")
    ties = [tie for answer in answers for tie in answer.ties]
    excluded = [each for answer in answers for each in answer.excluded]
    if not {tie.adult for tie in ties} | {each.adult for each in excluded} <= set(adults):
        raise Transient("alias_on_the_way")
    return Ties(answers[0].register_version, ties, excluded)


def _hits(transaction: Transaction, scope: Scope, found: Mapping[UUID, Sequence[CandidateAdult]]) -> list[Hit]:
    told: dict[UUID, list[Row[Any]]] = defaultdict(list)
    adults = {adult.person for each in found.values() for adult in each}
    for row in transaction.execute(queries.TOLD, {"adults": list(adults)}):
        if not row.same:
            raise Transient("evidence_changed_during_run")
        told[row.person].append(row)
    return [_hit(scope, child, found[child], told) for child in sorted(found)]


def _hit(scope: Scope, child: UUID, adults: Sequence[CandidateAdult], told: Mapping[UUID, Sequence["Row[Any]"]]) -> Hit:
    """A candidate with the counted evidence of its adults, as far back as the rules that fired look."""
    rows = [row for adult in adults for row in told[adult.person] if row.registered_at >= _since(scope, adult)]
    fresh = [row for row in rows if row.fresh]
    candidate = Candidate(
        candidate_id=uuid4(),
        run_id=scope.run_id,
        week=scope.week,
        child=child,
        adults=list(adults),
        evidence=[item(row, scope.entry.lookup) for row in rows],
        fresh=[row.evidence_id for row in fresh],
        catalogue=scope.entry.catalogue.id,
        missing_districts=list(scope.missing),
    )
    return Hit(candidate, max(fresh, key=lambda row: (row.registered_at, row.evidence_id)).district)


def _since(scope: Scope, adult: CandidateAdult) -> datetime:
    named = {each.rule for each in adult.rules}
    months = max(rule.look_back_months for rule in scope.entry.catalogue.rules if rule.id in named)
    return weeks.months_before(scope.week, months)


def _cover(transaction: Transaction, scope: Scope) -> None:
    """Cover what was considered, except what waits for identity, and write each record's fate."""
    expected = transaction.execute(queries.TO_COVER).scalar_one()
    if transaction.execute(queries.COVER, {"run": scope.run_id}).rowcount != expected:
        raise Transient("evidence_changed_during_run")
    transaction.execute(queries.FATES, {"run": scope.run_id})
