"""Writes the population register extract: full, changes and institutions, as JSON Lines. See
docs/extracts.md, section 7.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from services.simulator.cast_people import CARE_HOUSES, CARE_ROADS
from services.simulator.extract_writer import HashedFile, write_manifest
from services.simulator.people import Institution, Person

RegisterKind = Literal["full", "changes", "institutions"]


def institutions(municipalities: Iterable[str]) -> Iterable[Institution]:
    """The list of shelters and institutions: the same few houses in every municipality."""
    for municipality in municipalities:
        for house in range(1, CARE_HOUSES + 1):
            yield Institution(municipality, CARE_ROADS["shelter"], str(house), "", "", "shelter")
            yield Institution(municipality, CARE_ROADS["institution"], str(house), "", "", "institution")


def write_register(
    folder: Path,
    kind: RegisterKind,
    sequence: int,
    version_at: datetime,
    lines: Iterable[Person | Institution],
) -> Path:
    """Write one register delivery; the path of its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    file = HashedFile(folder / f"register-{sequence:05d}.jsonl")
    encode = msgspec.json.Encoder().encode
    for line in lines:
        file.write(encode(line))
    digest, manifest = file.close(), folder / f"register-{sequence:05d}.manifest.json"
    write_manifest(
        manifest,
        {
            "format": "socialsog-register/1",
            "kind": kind,
            "sequence": sequence,
            "version_at": version_at.isoformat(),
            "rows": file.rows,
            "sha256": digest,
            "file": file.path.name if file.rows else None,
        },
    )
    return manifest
