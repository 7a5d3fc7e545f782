"""Keeps the truth files beside the deliveries: one part per week, and the three whole files made of the
parts.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from services.simulator.truth import Effect, ExtractTruth, RowTruth

FILES = ("truth", "truth_rows", "truth_extracts")


def write(
    staging: Path,
    week: int,
    effects: Sequence[Effect],
    rows: Sequence[RowTruth],
    extracts: Sequence[ExtractTruth],
) -> None:
    """Write the parts of a week and make the whole files again from all parts."""
    parts = staging / "truth"
    parts.mkdir(parents=True, exist_ok=True)
    for name, lines in zip(FILES, (effects, rows, extracts), strict=True):
        (parts / f"{name}-{week:03d}.jsonl").write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        whole = b"".join(part.read_bytes() for part in sorted(parts.glob(f"{name}-[0-9]*.jsonl")))
        (staging / f"{name}.jsonl").write_bytes(whole)
