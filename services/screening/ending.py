"""How a run ends: it is stored, and then either published or held by the brake until a person releases it."""

from collections import Counter
from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row

from events.candidate import Candidate
from events.run import Run, RunCounts
from events.topics import CANDIDATE, RUN
from services.runtime.transaction import Transaction
from services.screening import queries
from services.screening.copying import copy
from services.screening.domain import brakes
from services.screening.domain.brakes import Tally
from services.screening.evidence import announce
from services.screening.search import Found, Scope
from services.screening.shelf import of_run

_PAYLOADS = "SELECT payload FROM candidate WHERE run_id = :run_id ORDER BY candidate_id"
_RELEASE = (
    "UPDATE run SET status = 'finished', version = version + 1, released_by = :actor, released_at = :now WHERE run_id = :run_id"
)
ACTION = "weekly_run"


def finish(transaction: Transaction, scope: Scope, found: Found, ceiling: int, actor: str) -> None:
    """Store a run with all that it found, and publish it unless it is out of bounds."""
    tally = Tally(len(found.hits), Counter(hit.district for hit in found.hits))
    stopped = brakes.reasons(tally, usual(transaction), ceiling, scope.missing)
    _store(transaction, scope, found, stopped, actor)
    _audit(transaction, scope, found, actor, braked=bool(stopped))
    if stopped:
        publish_run(transaction, scope.run_id)
    else:
        publish(transaction, scope.run_id)


def usual(transaction: Transaction) -> list[Tally]:
    """Candidates of the last finished runs."""
    rows = transaction.execute(queries.USUAL, {"runs": brakes.USUAL_RUNS})
    return [Tally(sum(row.districts.values()), row.districts) for row in rows]


def _store(transaction: Transaction, scope: Scope, found: Found, stopped: list[str], actor: str) -> None:
    values = {
        "run_id": scope.run_id,
        "week": scope.week,
        "status": "braked" if stopped else "finished",
        "started_at": transaction.now,
        "catalogue": scope.entry.catalogue.id,
        "catalogue_digest": scope.entry.digest,
        "register_version": found.register_version,
        "alias_version": transaction.execute(queries.ALIAS_VERSION).scalar_one(),
        "missing_districts": list(scope.missing),
        "requested_by": actor,
        "evidence": found.evidence,
        "brake_reasons": stopped,
    }
    transaction.execute(queries.ADD_RUN, values)
    adults = ((scope.run_id, person, each.outcome, each.reason) for person, each in found.verdicts.items())
    copy(transaction, "run_adult", ("run_id", "person", "outcome", "reason"), adults)
    candidates = (
        (hit.candidate.candidate_id, scope.run_id, hit.candidate.child, hit.district, msgspec.json.encode(hit.candidate))
        for hit in found.hits
    )
    copy(transaction, "candidate", ("candidate_id", "run_id", "child", "district", "payload"), candidates)


def _audit(transaction: Transaction, scope: Scope, found: Found, actor: str, *, braked: bool) -> None:
    transaction.audit(
        "alteration",
        "run_started",
        purpose="screening",
        actor=actor,
        run_id=scope.run_id,
        week=scope.week,
        missing_districts=",".join(scope.missing),
        catalogue=scope.entry.catalogue.id,
    )
    transaction.audit(
        "combination",
        ACTION,
        purpose="screening",
        actor=actor,
        run_id=scope.run_id,
        week=scope.week,
        subjects=[*found.verdicts, *(hit.candidate.child for hit in found.hits)],
        adults=len(found.verdicts),
        candidates=len(found.hits),
        evidence=found.evidence,
        braked=int(braked),
    )


def release(transaction: Transaction, run_id: UUID, week: str, actor: str) -> None:
    """Let a braked run go on, in the name of a person."""
    transaction.execute(_RELEASE, {"run_id": run_id, "actor": actor, "now": transaction.now})
    transaction.audit("alteration", "run_released", purpose="screening", actor=actor, run_id=run_id, week=week)
    publish(transaction, run_id)


def publish(transaction: Transaction, run_id: UUID) -> None:
    """Publish a run's candidates, the evidence behind them as it is now, and the run. The run's own catalogue says what counts,
    whatever has been approved since: a candidate and its evidence must not contradict each other.
    """
    payloads = transaction.execute(_PAYLOADS, {"run_id": run_id}).scalars()
    candidates = [msgspec.json.decode(bytes(payload), type=Candidate) for payload in payloads]
    for candidate in candidates:
        transaction.publish(CANDIDATE, str(candidate.candidate_id), 1, candidate, str(run_id))
    evidence: Collection[UUID] = {each.evidence_id for candidate in candidates for each in candidate.evidence}
    announce(transaction, evidence, of_run(transaction, run_id), str(run_id))
    publish_run(transaction, run_id)


def publish_run(transaction: Transaction, run_id: UUID) -> None:
    """Publish a run as it is stored."""
    row = transaction.execute(f"{queries.RUNS} WHERE r.run_id = :run_id", {"run_id": run_id}).one()
    transaction.publish(RUN, str(run_id), row.version, fact(row), str(run_id))


def fact(row: "Row[Any]") -> Run:
    """A stored run as an event."""
    counts = RunCounts(
        evidence=row.evidence,
        adults=row.adults,
        rule_met=row.rule_met,
        rule_not_met=row.rule_not_met,
        no_child=row.no_child,
        tie_excluded=row.tie_excluded,
        candidates=row.candidates,
    )
    return Run(
        run_id=row.run_id,
        week=row.week,
        status=row.status,
        started_at=row.started_at,
        catalogue=row.catalogue,
        catalogue_digest=row.catalogue_digest,
        register_version=row.register_version,
        alias_version=row.alias_version,
        missing_districts=row.missing_districts,
        requested_by=row.requested_by,
        counts=counts,
    )
