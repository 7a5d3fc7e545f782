"""Doors: the operator starts and releases runs, the approver approves catalogues; who answers for either may read it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.exceptions import ClientException, HTTPException, NotFoundException
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from services.runtime.errors import describe, is_transient
from services.runtime.http import actor, allow
from services.screening import queries, readiness
from services.screening.runner import RunAnswer, Runner, due_at
from services.screening.shelf import NotThisOne

Week = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-W\d{2}$")]
District = Annotated[str, msgspec.Meta(pattern=r"^\d{4}$")]


class StartRequest(msgspec.Struct, frozen=True):
    """Run `week` (the next unless given), `without` districts that are missing; or every week that is `due`."""

    week: Week | None = None
    without: list[District] = []
    due: bool = False


class RunRow(msgspec.Struct, frozen=True):
    """One run as people see it."""

    week: str
    status: str
    run_id: str
    started_at: datetime
    requested_by: str
    catalogue: str
    catalogue_digest: str
    register_version: int
    alias_version: int
    missing_districts: list[str]
    brake_reasons: list[str]
    released_by: str | None
    released_at: datetime | None
    evidence: int
    adults: int
    rule_met: int
    rule_not_met: int
    no_child: int
    tie_excluded: int
    candidates: int


class Runs(msgspec.Struct, frozen=True):
    """All runs, oldest first, and what the next one waits for."""

    runs: list[RunRow]
    next_week: str
    due_at: str
    waits_for: list[str]


class ApproveRequest(msgspec.Struct, frozen=True):
    """The digest that the approver has read."""

    digest: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class CatalogueRow(msgspec.Struct, frozen=True):
    """One catalogue of the shelf, with its approval if it has one."""

    id: str
    title: str
    digest: str
    valid_from: str
    valid_until: str | None
    rules: list[str]
    codes: int
    synthetic_codes: int
    approved_by: str | None
    approved_at: str | None


def routes(runner: Runner) -> Sequence[ControllerRouterHandler]:
    """The doors of this service."""

    @post("/runs", opt=allow("operator"), status_code=200, sync_to_thread=True)
    def start(data: JSONBody[StartRequest], request: Request[Any, Any, Any]) -> RunAnswer | list[RunAnswer]:
        who = actor(request).principal
        try:
            return runner.due(who) if data.due else runner.start(data.week, data.without, who)
        except ValueError as error:
            raise ClientException(str(error)) from None
        except Exception as error:
            if not is_transient(error):
                raise
            raise HTTPException(f"not now, try again: {describe(error)}", status_code=503) from None

    @get("/runs", opt=allow("operator", "auditor", "reviewer"), sync_to_thread=True)
    def runs() -> Runs:
        return overview(runner)

    @post("/runs/{week:str}/release", opt=allow("operator"), status_code=200, sync_to_thread=True)
    def release(week: FromPath[str], request: Request[Any, Any, Any]) -> RunRow:
        if not runner.release(week, actor(request).principal):
            raise NotFoundException("no run of that week waits for release")
        return next(row for row in overview(runner).runs if row.week == week)

    @get("/catalogues", opt=allow("approver", "operator", "auditor"), sync_to_thread=True)
    def catalogues() -> list[CatalogueRow]:
        return shelf(runner)

    @post("/catalogues/{name:str}/approve", opt=allow("approver"), status_code=200, sync_to_thread=True)
    def approve(name: FromPath[str], data: JSONBody[ApproveRequest], request: Request[Any, Any, Any]) -> CatalogueRow:
        try:
            with runner.store.transaction() as transaction:
                runner.shelf.approve(transaction, name, data.digest, actor(request).principal)
        except NotThisOne as error:
            raise HTTPException(str(error), status_code=409) from None
        return next(row for row in shelf(runner) if row.id == name)

    return [start, runs, release, catalogues, approve]


def overview(runner: Runner) -> Runs:
    """Runs so far and the next one."""
    with runner.store.transaction() as transaction:
        rows = transaction.execute(f"{queries.RUNS} ORDER BY r.week").mappings().all()
        week = readiness.next_week(transaction, runner.plan)
        waits = readiness.waits(transaction, week, runner.plan, runner.shelf, scheduled=True, without=())
    return Runs(
        [msgspec.convert({**row, "run_id": str(row["run_id"])}, RunRow) for row in rows], week, due_at(week, runner.plan), waits
    )


def shelf(runner: Runner) -> list[CatalogueRow]:
    """Catalogues, newest last."""
    with runner.store.transaction() as transaction:
        approvals = runner.shelf.approvals(transaction)
    rows = []
    for entry in runner.shelf.entries:
        each = entry.catalogue
        by, at = approvals.get((each.id, entry.digest), (None, None))
        until = each.valid_until.isoformat() if each.valid_until else None
        synthetic = sum(code.synthetic for code in each.codes)
        named = [f"{rule.id} {rule.name}" for rule in each.rules]
        rows.append(
            CatalogueRow(
                each.id, each.title, entry.digest, each.valid_from.isoformat(), until, named, len(each.codes), synthetic, by, at
            )
        )
    return rows
