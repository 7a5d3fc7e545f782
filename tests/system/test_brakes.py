"""What must stop a run, stops it: a missing district, a flood – and a late file is never lost."""

from pathlib import Path

import pytest

from deploy.testing import Running
from tests.system.town import Town

MISSING = "1461"
WEEKS = ("2026-W38", "2026-W39", "2026-W40", "2026-W41")
pytestmark = pytest.mark.timeout(400)


def test_a_missing_district_then_its_late_file_then_a_flood(running: Running, tmp_path: Path) -> None:
    with Town(running, tmp_path, missing=(2, MISSING), flood_week=4) as town:
        doors, drive = town.drive.doors, town.drive
        drive.history()
        drive.week(1)

        # Week 2: one district is missing. The scheduler waits and says for whom; nobody may go on before the deadline.
        files = town.world.deliverables(2, drive.staging)
        run_at = town.world.calendar.end(2).replace(hour=5)
        drive.deliver([each for each in files if each.moment < run_at])
        drive.move(run_at)
        waits_for = " ".join(doors.get("operator", "screening", "/runs")["waits_for"])
        assert MISSING in waits_for
        early = doors.post("operator", "screening", "/runs", {"week": "2026-W39", "without": [MISSING]})
        assert early["status"] in ("waiting", "refused"), early
        drive.move(run_at.replace(hour=12, minute=1))
        # Read by intake is not yet received by screening: until it is, the answer is "waiting", and the operator asks again.
        ask = {"week": "2026-W39", "without": [MISSING]}
        drive.wait("run without it", lambda: doors.post("operator", "screening", "/runs", ask)["status"] == "finished")
        drive.deliver([each for each in files if each.moment >= run_at])
        drive.decide(2)
        drive.settle("2026-W39")
        account = drive.ledger("2026-W39")
        assert account is not None
        assert account.missing_districts == [MISSING]

        # Week 3: the late file comes with the new one; what it tells is told now.
        drive.week(3)
        assert town.untruths(WEEKS[:3]) == []

        # Week 4: a flood. The run stops before drafting, and goes on when a person has looked.
        assert drive.screen(4) == "2026-W41"
        assert drive.run_of("2026-W41") == "braked"
        assert not [row for row in town.system_deliveries() if row["week"] == "2026-W41"]
        drafts = doors.get("operator", "notification", "/drafts/summary")
        assert {row["week"] for row in drafts} == set(WEEKS[:3])
        doors.post("operator", "screening", "/runs/2026-W41/release")
        drive.after_run(4)
        drive.decide(4)
        drive.settle("2026-W41")
        assert town.untruths(WEEKS) == []
