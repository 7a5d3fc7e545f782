"""Composition root of screening."""

import os
from collections.abc import Mapping
from datetime import time

import httpx

from events import topics, weeks
from events.http.identity import IdentityDoors, TiesAnswer, TiesRequest
from services import ledger
from services.runtime.client import Client
from services.runtime.errors import Fatal, Transient, describe
from services.runtime.service import Service
from services.runtime.settings import Settings
from services.screening import alarm_api, api, readiness, thresholds
from services.screening.handlers import Handlers
from services.screening.readiness import Plan
from services.screening.runner import Runner
from services.screening.search import AskTies
from services.screening.shelf import Shelf
from services.screening.store import GAUGES
from services.screening.watch import Watch

BRAKE_CEILING = 500
"""Candidates of one run that stop it whatever was usual: the whole country has 40 to 80 a week (public figures)."""
SCHEDULER_SECONDS = 0.5
"""How often the schedule is looked at; a query or two."""

LOOK_SECONDS = 1.0
"""How often it is asked whether a look for alarms is due; renews the lease, so that one copy alone looks."""


def plan(first_week: str, environ: Mapping[str, str] = os.environ) -> Plan:
    """The plan from the environment. Raises Fatal that says which variable to mend."""
    try:
        weeks.monday(first_week)
        return Plan(
            first_week=first_week,
            ceiling=int(environ.get("SOCIALSOG_BRAKE_CEILING", BRAKE_CEILING)),
            run_at=time.fromisoformat(environ.get("SOCIALSOG_RUN_AT", readiness.RUN_AT.isoformat())),
            deadline=time.fromisoformat(environ.get("SOCIALSOG_RUN_DEADLINE", readiness.DEADLINE.isoformat())),
        )
    except ValueError as error:
        raise Fatal(
            "SOCIALSOG_FIRST_WEEK is an ISO week such as 2026-W38, SOCIALSOG_BRAKE_CEILING a number, SOCIALSOG_RUN_AT and "
            f"SOCIALSOG_RUN_DEADLINE times such as 05:00 ({error})"
        ) from None


def asking(doors: IdentityDoors) -> AskTies:
    """Identity's door. A refusal stops this run and not the process; it is tried again and the log says so."""

    def ask(request: TiesRequest) -> TiesAnswer:
        try:
            return doors.ties(request)
        except httpx.HTTPStatusError as error:
            raise Transient(describe(error)) from None

    return ask


def build(settings: Settings) -> Service:
    """The service, ready to run."""
    service = Service(settings)
    shelf = Shelf()
    runner = Runner(service.store, shelf, asking(IdentityDoors(Client(settings, "identity"))), plan(settings.first_week))
    handlers = Handlers(shelf)
    service.consume(topics.RECORD, handlers.on_records, versioned=False)
    service.consume(topics.ALIAS, handlers.on_aliases)
    service.consume(topics.EXTRACT, handlers.on_extracts)
    limits, period = thresholds.load(runner.plan)
    watch = Watch(service.store, limits, period, lambda: ledger.vitals(settings))
    service.every("scheduler", SCHEDULER_SECONDS, watch.noting(runner.scheduled))
    service.every("alarms", LOOK_SECONDS, watch.look_if_due)
    service.check(watch.check)
    service.serve([*api.routes(runner), *alarm_api.routes(watch)])
    service.measure(GAUGES)
    return service
