"""The alarms: one rule per kind, each pure. A rule sees the vitals and says which alarms hold now, and at which level.

Subjects and details are codes and counts, never a person. What was raised before is no concern of a rule: `changes` compares.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from events import weeks
from events.municipalities import DISTRICTS
from services.screening.domain.brakes import LEAST_RUNS, USUAL_RUNS
from services.screening.domain.limits import Limits, Step
from services.screening.domain.vitals import Vitals, moment

Kind = Literal[
    "zero",
    "flood",
    "run_late",
    "missing_district",
    "refused_files",
    "draft_old",
    "unsent",
    "no_receipt",
    "not_accepted",
    "dead_letters",
    "relay",
    "clock",
    "scheduler",
]
Level = Literal["warn", "escalate"]
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Alarm:
    """One alarm that holds: what kind, about what, how bad, how much (in the unit that the detail names)."""

    kind: Kind
    subject: str
    level: Level
    amount: int
    detail: str

    @property
    def key(self) -> tuple[str, str]:
        """What makes two looks' alarms the same."""
        return self.kind, self.subject


def _level(amount: float, step: Step) -> Level | None:
    return "escalate" if amount >= step.escalate else "warn" if amount >= step.warn else None


def _aged(kind: Kind, subject: str, amount: int, step: Step, detail: str) -> Iterator[Alarm]:
    """The alarm of this amount, if it has reached a threshold."""
    if (level := _level(amount, step)) is not None:
        yield Alarm(kind, subject, level, amount, detail)


def _hours(since: datetime, now: datetime) -> int:
    return (now - since) // _HOUR


def _waiting(kind: Kind, vitals: Vitals, counted: str, since: str, step: Step) -> Iterator[Alarm]:
    """The alarm of each service in which something waits for a person, by the age of the oldest."""
    oldest: dict[str, int] = {}
    counts: dict[str, int] = {}
    for service, _, at in vitals.everywhere(since):
        oldest[service] = min(at, oldest.get(service, at))
    for service, _, count in vitals.everywhere(counted):
        counts[service] = counts.get(service, 0) + count
    for service, at in oldest.items():
        if (level := _level(_hours(moment(at), vitals.business), step)) is not None:
            yield Alarm(kind, service, level, counts.get(service, 0), f"{counts.get(service, 0)} wait")


def zero(vitals: Vitals, limits: Limits) -> Iterator[Alarm]:
    """Nothing where there was something: the newest run has no candidates, or its week no rows, although earlier ones had.

    Escalated where each of the earlier runs (at least three, at most eight) had some: then a quiet week is no explanation.
    """
    candidates = vitals.labelled("screening", "candidates")
    rows = vitals.labelled("intake", "rows")
    runs = sorted(candidates)
    for name, counts in (("candidates", candidates), ("rows", {week: rows.get(week, 0) for week in runs})):
        earlier = [counts[week] for week in runs[:-1][-USUAL_RUNS:]]
        if runs and counts[runs[-1]] == 0 and any(earlier):
            level: Level = "escalate" if len(earlier) >= LEAST_RUNS and all(earlier) else "warn"
            yield Alarm("zero", name, level, 0, f"no {name} in {runs[-1]}")


def flood(vitals: Vitals, limits: Limits) -> Iterator[Alarm]:
    """A run is held by the brake: far more (or far fewer) candidates than usual. Nothing is drafted until it is released."""
    for week, started in vitals.labelled("screening", "braked").items():
        hours = _hours(moment(started), vitals.business)
        yield from _aged("flood", week, hours, limits.flood_hours, f"run held by the brake for {hours} hours")


def run_late(vitals: Vitals, limits: Limits) -> Iterator[Alarm]:
    """Every district has delivered, the deadline is over, and the week is not run: a catalogue or a record is waited for."""
    runs = vitals.labelled("screening", "candidates")
    week = weeks.following(max(runs)) if runs else limits.first_week
    covers = vitals.labelled("screening", "covers")
    delivered = all(district in covers and moment(covers[district]) >= weeks.end(week) for district in DISTRICTS)
    if delivered and not vitals.labelled("screening", "braked"):
        hours = _hours(weeks.after_end(week, limits.deadline), vitals.business)
        yield from _aged("run_late", week, hours, limits.run_hours, f"not run {hours} hours after the deadline")


def missing_district(vitals: Vitals, limits: Limits) -> Iterator[Alarm]:
    """A district does not cover a week whose deadline is over, whether that week waits for it or was run without it."""
    covers = vitals.labelled("screening", "covers")
    into_monday = timedelta(hours=limits.deadline.hour, minutes=limits.deadline.minute)
    running = weeks.label(weeks.danish_date(vitals.business - into_monday))
    due = weeks.preceding(running)
    if due < limits.first_week:
        return
    for district in sorted(DISTRICTS):
        until = moment(covers[district]) if district in covers else weeks.start(limits.first_week)
        if until >= weeks.end(due):
            continue
        first = max(weeks.label(weeks.danish_date(until)), limits.first_week)
        hours = _hours(weeks.after_end(first, limits.deadline), vitals.business)
        yield from _aged("missing_district", district, hours, limits.missing_hours, f"{first} missing for {hours} hours")


def refused_files(vitals: Vitals, limits: Limits) -> Iterator[Alarm]:
    """Extracts, or deliveries of the register, were refused whole and have not been mended."""
    yield from _waiting("refused_files", vitals, "refused", "refused_since", limits.refused_hours)


def draft_old(vitals: Vitals, limits: Limits) -> Iterator[Alarm]:
    """A draft grows old: the oldest that nobody has decided (or that is still being composed, or held), in working days."""
    for state, since in vitals.labelled("notification", "draft_since").items():
        days = limits.calendar.passed(moment(since), vitals.business)
        yield from _aged("draft_old", state, days, limits.draft_days, f"oldest draft {state} for {days} working days")


def unsent(vitals: Vitals, limits: Limits) -> Iterator[Alarm]:
    """A letter was approved and has not left: its municipality has no key, sending is stopped, or a door does not answer."""
    for code, since in vitals.labelled("delivery", "unsent_since").items():
        hours = _hours(moment(since), vitals.business)
        yield from _aged("unsent", code, hours, limits.unsent_hours, f"oldest approved and not sent for {hours} hours")


def no_receipt(vitals: Vitals, limits: Limits) -> Iterator[Alarm]:
    """A municipality has not answered what was sent to it, not even by machine."""
    for code, since in vitals.labelled("delivery", "unanswered_since").items():
        hours = _hours(moment(since), vitals.business)
        yield from _aged("no_receipt", code, hours, limits.receipt_hours, f"oldest without receipt for {hours} hours")


def not_accepted(vitals: Vitals, limits: Limits) -> Iterator[Alarm]:
    """A municipality's system has received a letter, and nobody there has taken it over, in working days."""
    for code, since in vitals.labelled("delivery", "unaccepted_since").items():
        days = limits.calendar.passed(moment(since), vitals.business)
        yield from _aged("not_accepted", code, days, limits.accepted_days, f"oldest not accepted for {days} working days")


def dead_letters(vitals: Vitals, limits: Limits) -> Iterator[Alarm]:
    """Messages or work that a service has set aside wait for a person."""
    yield from _waiting("dead_letters", vitals, "set_aside", "dead_since", limits.dead_hours)


def relay(vitals: Vitals, limits: Limits) -> Iterator[Alarm]:
    """A service's outbox has rows to publish, and some partition of it has not moved, by real time."""
    longest: dict[str, int] = {}
    for place, stall in vitals.stalls.items():
        service = place.partition(" ")[0]
        longest[service] = max(longest.get(service, 0), int((vitals.real - stall.since).total_seconds()))
    for service, seconds in sorted(longest.items()):
        yield from _aged("relay", service, seconds, limits.relay_seconds, f"nothing published for {seconds} seconds")


def clock(vitals: Vitals, limits: Limits) -> Iterator[Alarm]:
    """A machine's clock differs from the database's, or the services' among one another. A simulated clock has no part in it."""
    ahead: dict[str, int] = {}
    for service, _, milliseconds in vitals.everywhere("clock_ms"):
        ahead[service] = max(milliseconds, ahead.get(service, milliseconds), key=abs)
    for service, milliseconds in ahead.items():
        yield from _aged("clock", service, abs(milliseconds), limits.clock_ms, f"{milliseconds} ms ahead of the database")
    if ahead:
        spread = max(ahead.values()) - min(ahead.values())
        yield from _aged("clock", "services", spread, limits.clock_ms, f"{spread} ms between services")


def scheduler(vitals: Vitals, limits: Limits) -> Iterator[Alarm]:
    """The schedule of runs was not looked at for long. (That the alarms themselves are not, only somebody outside can notice.)"""
    for name, at in vitals.labelled("screening", "looked").items():
        if name == "runs":
            seconds = int((vitals.real - moment(at)).total_seconds())
            yield from _aged("scheduler", name, seconds, limits.scheduler_seconds, f"last run {seconds} seconds ago")


RULES: tuple[Callable[[Vitals, Limits], Iterator[Alarm]], ...] = (
    zero,
    flood,
    run_late,
    missing_district,
    refused_files,
    draft_old,
    unsent,
    no_receipt,
    not_accepted,
    dead_letters,
    relay,
    clock,
    scheduler,
)


def holding(vitals: Vitals, limits: Limits) -> list[Alarm]:
    """Every alarm that holds now."""
    return [alarm for rule in RULES for alarm in rule(vitals, limits)]


@dataclass(frozen=True)
class Changes:
    """What differs from the look before: each is told once. `kept` holds as it did."""

    raised: list[Alarm]
    escalated: list[Alarm]
    lowered: list[Alarm]
    kept: list[Alarm]
    cleared: list[Alarm]

    def told(self) -> Iterator[tuple[str, Alarm]]:
        """What is worth an entry, each with its name."""
        named = {"raised": self.raised, "escalated": self.escalated, "lowered": self.lowered, "cleared": self.cleared}
        return ((f"alarm_{name}", alarm) for name, alarms in named.items() for alarm in alarms)


def changes(known: Iterable[Alarm], found: Iterable[Alarm]) -> Changes:
    """Compare what holds with what was known to hold, by kind and subject."""
    result = Changes([], [], [], [], [])
    held, before = {alarm.key: alarm for alarm in found}, {alarm.key: alarm for alarm in known}
    for key, alarm in held.items():
        if key not in before:
            result.raised.append(alarm)
        elif before[key].level == alarm.level:
            result.kept.append(alarm)
        else:
            (result.escalated if alarm.level == "escalate" else result.lowered).append(alarm)
    result.cleared.extend(alarm for key, alarm in before.items() if key not in held)
    return result
