"""When an alarm is raised and when it is escalated: every threshold with its unit and reason. The environment may change each."""

from dataclasses import dataclass, field
from datetime import time

from services.screening.domain.workdays import WorkingCalendar


@dataclass(frozen=True)
class Step:
    """Thresholds of one kind: from `warn` on a warning, from `escalate` on escalated."""

    warn: int
    escalate: int


@dataclass(frozen=True)
class Limits:
    """All thresholds, and the calendar and the week's hours that they are counted by."""

    first_week: str
    deadline: time
    flood_hours: Step = Step(0, 24)
    """Hours (business) that a run may be held: a warning at once, because nothing of that week is drafted meanwhile."""
    run_hours: Step = Step(0, 24)
    """Hours (business) after Monday's deadline that a week may wait although every district has delivered."""
    missing_hours: Step = Step(0, 24)
    """Hours (business) after Monday's deadline: now the week can be run without it; a day later somebody must have decided."""
    refused_hours: Step = Step(0, 24)
    """Hours (business) that a refused delivery may lie: who delivered it does not know of that unless somebody says so."""
    draft_days: Step = Step(1, 3)
    """Working days that a draft may lie: a child waits for it."""
    unsent_hours: Step = Step(24, 72)
    """Hours (business) that an approved letter may lie: it leaves within a minute, so that a day is a cause that stays."""
    receipt_hours: Step = Step(24, 72)
    """Hours (business) without any receipt: delivery offers again after 24; after three days somebody must have telephoned."""
    accepted_days: Step = Step(3, 6)
    """Working days that a letter may lie in a municipality's system before a person takes it over: within six of them
    (*hverdage*) the municipality owes the notifier a receipt, and in half of that somebody should have telephoned."""
    dead_hours: Step = Step(0, 24)
    """Hours (business) that a dead letter may wait: it may be a child's, so that the first is told at once."""
    relay_seconds: Step = Step(120, 900)
    """Seconds (real) that an outbox may stand still: a broker's restart takes less than the first."""
    clock_ms: Step = Step(5_000, 60_000)
    """Milliseconds (real) between clocks: machines with NTP differ by some; a minute moves the end of a week noticeably."""
    scheduler_seconds: Step = Step(900, 3_600)
    """Seconds (real) since the schedule was last looked at: the national run itself takes minutes."""
    calendar: WorkingCalendar = field(default_factory=WorkingCalendar)
    """Saturdays and customary days off."""
