"""The database is lost in the middle of a week and restored to an earlier moment of it, with an empty Kafka: nothing is lost, and
no municipality is told anything twice.

At the moment of the backup some letters of the second week have left, some are approved and wait, others wait for a person. Then
the week is finished, and the next week's extracts begin to arrive. All that the database knew of this is gone; the municipalities
know it.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy import backup, guardian
from deploy.system import System
from services.simulator import reviewers
from services.simulator.drive import DECISIONS_AT
from tests.conftest import MUNICIPALITIES
from tests.system.town import Town

WEEKS = ("2026-W38", "2026-W39", "2026-W40")
pytestmark = [pytest.mark.operations, pytest.mark.timeout(500)]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """On engines of its own: its Kafka will be emptied."""
    tmp_path.chmod(0o711)
    system = System(tmp_path / "state", municipalities=MUNICIPALITIES)
    guardian.watch(system.state, remove=False)
    system.start_engines()
    try:
        with Town.around(system, tmp_path) as found:
            yield found
    finally:
        system.stop()
        system.embedded.postgres.remove()


def letters(town: Town) -> Counter[tuple[str, str, str, str]]:
    """Every letter that a municipality ever got, by whom it is about, from all case systems' memories."""
    current = town.current_number()
    return Counter(
        (bundle["week"], current.get(cpr, cpr), notification.kind, notification.municipality)
        for notification, bundle in town.case_systems.inbox.values()
        for cpr in [bundle["child"]["cpr"].replace("-", "")]
    )


def review(town: Town, most: int) -> int:
    """Let people approve so many of the drafts that wait; how many they did."""
    done = 0

    def some(draft: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        nonlocal done
        done += 1
        if done > most:
            raise Enough
        return reviewers.approve_everything(draft)

    with suppress(Enough):
        reviewers.review(town.drive.doors, some)
    return min(done, most)


class Enough(Exception):
    """The reviewers go home."""


def states(town: Town) -> Counter[str]:
    """The second week's deliveries by state."""
    return Counter(row["state"] for row in town.system_deliveries() if row["week"] == WEEKS[1])


def test_restored_to_the_middle_of_a_week_nothing_is_lost_or_told_twice(town: Town, tmp_path: Path) -> None:
    drive, doors, file = town.drive, town.drive.doors, tmp_path / "backup"
    drive.history()
    drive.week(1)
    drive.screen(2)
    drive.after_run(2)
    drive.move(drive.calendar.end(2) + DECISIONS_AT)
    drive.wait("composed", lambda: drive.drafts_ready(WEEKS[1]))
    assert review(town, 3) == 3
    drive.wait("answered", lambda: states(town)["acknowledged"] > 0 and not states(town).keys() & {"pending", "sent", "received"})
    doors.post("operator", "delivery", "/stop-sending", {"reason": "maintenance"})
    assert review(town, 3) == 3
    drive.wait("approved letters wait", lambda: states(town)["pending"] == 3)
    backup.backup(town.system, file)
    at_backup = letters(town)

    # The week goes on, and is lost.
    doors.post("operator", "delivery", "/resume-sending")
    drive.decide(2)
    drive.settle(WEEKS[1])
    extracts = town.world.deliverables(3, drive.staging)
    drive.deliver(extracts[: len(extracts) // 2])
    at_disaster = letters(town)
    assert at_backup < at_disaster
    town.case_systems.__exit__()
    backup.restore(town.system, file)
    town.system.start_services()
    town.case_systems.__enter__()

    # Whatever people decide anew: nothing leaves before it is known what had left.
    assert states(town)["pending"] == 3
    drive.decide(2)
    drive.wait("approved anew", lambda: not any("drafts_waiting" in each for each in open_lines(town)))
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        doors.post("operator", "delivery", "/resume-sending")
    assert letters(town) == at_disaster
    reconciled = doors.post("operator", "delivery", "/restore/reconcile")
    assert reconciled["left"] == sum(at_disaster.values()) - sum(at_backup.values())
    doors.post("operator", "delivery", "/resume-sending")
    drive.settle(WEEKS[1])
    assert letters(town) == at_disaster, "all of that week had been told"
    assert drive.week(3) == WEEKS[2]

    assert town.untruths(WEEKS) == []
    told = Counter((each.week, each.child, each.kind, each.municipality) for each in town.told() if each.outcome == "sent")
    assert letters(town) == told, "each letter reached its municipality, and none of them twice"
    assert {row["state"] for row in doors.get("operator", "delivery", "/restore/letters")} == {"matched"}
    assert doors.get("auditor", "audit", "/verify")["ok"]


def open_lines(town: Town) -> list[str]:
    account = town.drive.ledger(WEEKS[1])
    return account.open if account else ["drafts_waiting"]
