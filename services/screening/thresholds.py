"""The alarms' thresholds from the environment, `SOCIALSOG_ALARM_<KIND>_<UNIT>=warn,escalate`; the calendar; how often to look."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from services.runtime.errors import Fatal
from services.screening.domain.limits import Limits, Step
from services.screening.domain.workdays import WorkingCalendar
from services.screening.readiness import Plan

PERIOD_SECONDS = 60
"""How often alarms are looked for: a few cheap queries, and nobody acts on any of them within less than a minute."""
VARIABLES = {
    "SOCIALSOG_ALARM_FLOOD_HOURS": "flood_hours",
    "SOCIALSOG_ALARM_RUN_HOURS": "run_hours",
    "SOCIALSOG_ALARM_MISSING_HOURS": "missing_hours",
    "SOCIALSOG_ALARM_REFUSED_HOURS": "refused_hours",
    "SOCIALSOG_ALARM_DRAFT_DAYS": "draft_days",
    "SOCIALSOG_ALARM_UNSENT_HOURS": "unsent_hours",
    "SOCIALSOG_ALARM_RECEIPT_HOURS": "receipt_hours",
    "SOCIALSOG_ALARM_ACCEPTED_DAYS": "accepted_days",
    "SOCIALSOG_ALARM_DEAD_HOURS": "dead_hours",
    "SOCIALSOG_ALARM_RELAY_SECONDS": "relay_seconds",
    "SOCIALSOG_ALARM_CLOCK_MS": "clock_ms",
    "SOCIALSOG_ALARM_SCHEDULER_SECONDS": "scheduler_seconds",
}
PERIOD = "SOCIALSOG_ALARM_PERIOD_SECONDS"
SATURDAY = "SOCIALSOG_ALARM_SATURDAY"
CLOSED = "SOCIALSOG_ALARM_CLOSED_DAYS"


def load(plan: Plan, environ: Mapping[str, str] = os.environ) -> tuple[Limits, float]:
    """Limits, and seconds between looks. Raises Fatal that names the variable to mend."""
    changed: dict[str, Any] = {field: _step(name, environ[name]) for name, field in VARIABLES.items() if name in environ}
    limits = Limits(plan.first_week, plan.deadline, calendar=_calendar(environ))
    return replace(limits, **changed), _period(environ.get(PERIOD, str(PERIOD_SECONDS)))


def _step(name: str, text: str) -> Step:
    try:
        warn, escalate = (int(part) for part in text.split(","))
    except ValueError:
        warn, escalate = 1, 0
    if not 0 <= warn <= escalate:
        raise Fatal(f"{name} is two whole numbers, from when to warn and from when to escalate, such as 1,3")
    return Step(warn, escalate)


def _calendar(environ: Mapping[str, str]) -> WorkingCalendar:
    try:
        closed = frozenset(date.fromisoformat(day.strip()) for day in environ.get(CLOSED, "").split(",") if day.strip())
    except ValueError:
        raise Fatal(f"{CLOSED} is a list of dates such as 2026-12-24,2026-12-31") from None
    if (saturday := environ.get(SATURDAY, "off")) not in ("on", "off"):
        raise Fatal(f"{SATURDAY} is on or off: whether Saturday is a working day")
    return WorkingCalendar(saturday == "on", closed)


def _period(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise Fatal(f"{PERIOD} is a number of seconds above 0")
    return seconds
