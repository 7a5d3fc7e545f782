"""Brakes: a run with far more or far fewer candidates than usual waits for a person before anything is drafted.

What is usual are the last eight finished runs. A flood means a wrong catalogue or a wrong extract far more often than a wave of
children in need; a sudden zero means that something is silently broken (as the police's blocked mail of 2023 was).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

USUAL_RUNS = 8
"""Finished runs that bounds are taken from: two months, so that a season moves them."""
LEAST_RUNS = 3
"""Finished runs before there are bounds at all."""
FACTOR = 2
"""Times the highest of the usual runs that is still believed …"""
SLACK = 10
"""… plus so many candidates, so that small numbers may jump (from 1 to 12) without stopping anything."""
ALARMING_LEAST = 5
"""Candidates. Where even the lowest of the usual runs had this many, less than a fifth of it (zero, for 5) is not believed."""


@dataclass(frozen=True)
class Tally:
    """Candidates of one run, in total and by district."""

    total: int
    districts: Mapping[str, int]


def reasons(now: Tally, usual: Sequence[Tally], ceiling: int, missing: Collection[str] = ()) -> list[str]:
    """Why this run must wait for a person; empty when it need not. `usual` are the last finished runs, at most eight.

    `ceiling` is absolute and holds from the first run on. A district that is missing is not expected to have any.
    """
    found = [f"total {now.total} above ceiling {ceiling}"] if now.total > ceiling else []
    if len(usual) < LEAST_RUNS:
        return found
    found += _outside("total", now.total, [each.total for each in usual])
    for district in sorted({*now.districts, *(name for each in usual for name in each.districts)}):
        count = now.districts.get(district, 0)
        outside = _outside(district, count, [each.districts.get(district, 0) for each in usual])
        if not (district in missing and count == 0):
            found += outside
    return found


def _outside(name: str, count: int, usual: Sequence[int]) -> list[str]:
    lowest, highest = bounds(usual)
    return [] if lowest <= count <= highest else [f"{name} {count} outside {lowest} to {highest}"]


def bounds(usual: Sequence[int]) -> tuple[int, int]:
    """Lowest and highest number of candidates that is believed after these runs."""
    least = min(usual)
    a_fifth = -(-least // ALARMING_LEAST)  # rounded up: one of 9 is fewer than a fifth
    return (a_fifth if least >= ALARMING_LEAST else 0), max(usual) * FACTOR + SLACK
