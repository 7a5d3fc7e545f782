"""Runs weeks: one at a time, each once, strictly in order – by the schedule, or because a person asks.

A run is called from the scheduler's or a door's thread and never from an event handler, because it asks identity.
"""

import logging
from collections.abc import Collection
from typing import Literal
from uuid import UUID, uuid4

import msgspec

from events import weeks
from services.runtime import points
from services.runtime.database import Store
from services.runtime.transaction import Transaction
from services.screening import ending, queries, readiness
from services.screening.readiness import Plan
from services.screening.search import AskTies, Scope, search
from services.screening.shelf import Shelf

log = logging.getLogger(__name__)

SCHEDULE = "service:screening"
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext(current_schema()), hashtext('run'))"


class RunAnswer(msgspec.Struct, frozen=True):
    """What became of asking for a run. `added` is true only when this request ran the week; `waits_for` says why it did not."""

    week: str
    status: Literal["finished", "braked", "waiting", "refused"]
    added: bool
    candidates: int
    detail: str
    waits_for: list[str] = []


class Runner:
    """Starts and releases runs."""

    def __init__(self, store: Store, shelf: Shelf, ask: AskTies, plan: Plan) -> None:
        self.store = store
        self.shelf = shelf
        self.ask = ask
        self.plan = plan
        self._said: list[str] = []

    def scheduled(self) -> None:
        """What the scheduler repeats: run every week that is due, and log once what the next one waits for."""
        answer = self.due(SCHEDULE)[-1]
        if answer.waits_for != self._said:
            self._said = answer.waits_for
            log.info("run_waits", extra={"week": answer.week, "waits_for": answer.waits_for})

    def due(self, actor: str) -> list[RunAnswer]:
        """Run every week that is due, in order; the last answer is of the one that waits."""
        answers: list[RunAnswer] = []
        while not answers or answers[-1].added:
            answers.append(self.start(None, (), actor, scheduled=True))
        return answers

    def start(self, week: str | None, without: Collection[str], actor: str, *, scheduled: bool = False) -> RunAnswer:
        """Run a week (the next one unless named). A week that was run is not run again.

        Raises ValueError where `week` is no ISO week, and what `errors.is_transient` knows when identity does not answer.
        """
        if week:
            weeks.monday(week)
        with self.store.transaction() as transaction:
            transaction.execute(_ONE_AT_A_TIME)
            expected = readiness.next_week(transaction, self.plan)
            wanted = week or expected
            if known := self._known(transaction, wanted, "was run before; nothing was added"):
                return known
            refused = readiness.refusals(transaction, expected, self.plan, without) if without else []
            if wanted != expected:
                refused.append(f"weeks are run in order: the next is {expected}")
            if refused:
                return RunAnswer(wanted, "refused", False, 0, "; ".join(refused), refused)
            waits = readiness.waits(transaction, expected, self.plan, self.shelf, scheduled=scheduled, without=without)
            if waits:
                return RunAnswer(wanted, "waiting", False, 0, "; ".join(waits), waits)
            self._run(transaction, expected, sorted(without), actor)
            answer = self._known(transaction, expected, "")
        assert answer is not None
        log.info("run", extra={"week": answer.week, "status": answer.status, "candidates": answer.candidates})
        return answer

    def _known(self, transaction: Transaction, week: str, detail: str) -> RunAnswer | None:
        row = transaction.execute(f"{queries.RUNS} WHERE r.week = :week", {"week": week}).one_or_none()
        if row is None:
            return None
        return RunAnswer(week, row.status, not detail, row.candidates, detail or "; ".join(row.brake_reasons))

    def _run(self, transaction: Transaction, week: str, missing: list[str], actor: str) -> None:
        entry = self.shelf.approved(transaction, week)
        assert entry is not None, "the week would wait"
        scope = Scope(uuid4(), week, weeks.start(self.plan.first_week), entry, missing)
        found = search(transaction, scope, self.ask)
        points.reach("screening")
        ending.finish(transaction, scope, found, self.plan.ceiling, actor)

    def release(self, week: str, actor: str) -> bool:
        """Release a braked run; whether there was one."""
        with self.store.transaction() as transaction:
            transaction.execute(_ONE_AT_A_TIME)
            query = "SELECT run_id FROM run WHERE week = :week AND status = 'braked'"
            run_id: UUID | None = transaction.execute(query, {"week": week}).scalar_one_or_none()
            if run_id is not None:
                ending.release(transaction, run_id, week, actor)
        return run_id is not None


def due_at(week: str, plan: Plan) -> str:
    """When the schedule runs a week."""
    return weeks.after_end(week, plan.run_at).isoformat()
