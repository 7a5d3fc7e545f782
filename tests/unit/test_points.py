"""Planted faults: one process dies at the n-th passage, once; nothing happens unless asked for, and never in production."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.runtime import points
from services.runtime.errors import Fatal

PASS_THREE = """
from services.runtime import points
points.watch("audit", "embedded")
for number in range(3):
    print(number, flush=True)
    points.reach("appending")
points.read(b"harmless")
"""


def passing(folder: Path, program: str = PASS_THREE) -> subprocess.CompletedProcess[str]:
    environ = {points.VARIABLE: str(folder)}
    return subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False)


def test_the_nth_passage_kills_and_only_one_process(tmp_path: Path) -> None:
    (tmp_path / "audit.appending").write_text("2")
    first, second = passing(tmp_path), passing(tmp_path)
    assert (first.returncode, first.stdout.split()) == (-signal.SIGKILL, ["0", "1"])
    assert (second.returncode, second.stdout.split()) == (0, ["0", "1", "2"])
    assert [each.name for each in tmp_path.iterdir()] == ["audit.appending.struck"]


def test_another_service_s_fault_is_no_business_of_ours(tmp_path: Path) -> None:
    (tmp_path / "screening.appending").write_text("1")
    assert passing(tmp_path).returncode == 0


def test_a_marked_message_kills_each_time(tmp_path: Path) -> None:
    program = PASS_THREE.replace('b"harmless"', "points.FATAL_MARK")
    assert [passing(tmp_path, program).returncode for _ in range(2)] == [-signal.SIGKILL] * 2


def test_production_refuses_planted_faults() -> None:
    points.watch("audit", "production", {})
    with pytest.raises(Fatal, match=points.VARIABLE):
        points.watch("audit", "production", {points.VARIABLE: "/anywhere"})
