"""A short campaign with a fixed seed: one week under every kind of strike on the services, and nothing lost or doubled.

`make chaos` is the long one, with the engines struck too; see docs/chaos.md.
"""

import os
from pathlib import Path

import pytest

from deploy.testing import Running
from tests.chaos.campaign import Campaign, Plan

SEED = 20261124
SECONDS = 60.0
"""No new week begins after this."""
KINDS = (("kill -9",), ("killed at",), ("redelivery",), ("clock jumps",), ("corrupt", "cut off", "unknown", "wrong source"))
"""Whatever the machine's pace, some of each must have hit for the rest to mean anything."""
pytestmark = pytest.mark.timeout(400)


def test_a_week_under_attack_is_the_week_that_was(running: Running, tmp_path: Path) -> None:
    plan = Plan(SEED, strikes=80, weeks=2, seconds=SECONDS, rate=2.0, look=2, copies=2, compare=False)
    result = Campaign(plan, tmp_path, print, running.engines, f"c{os.getpid()}").run()
    assert result.violations == []
    assert result.survived >= 40, result.strikes
    missing = [kind for kind in KINDS if not any(name.startswith(kind) for name in result.strikes)]
    assert not missing, (result.strikes, result.missed)
