"""The JSON Schema of a catalogue, generated from its types. `python -m services.screening.schema` writes it."""

import json
from typing import Any

import msgspec

from services.screening.domain.catalogue import Catalogue
from services.screening.shelf import FOLDER

PATH = FOLDER / "catalogue.schema.json"


def document() -> dict[str, Any]:
    """JSON Schema (2020-12) of a catalogue file."""
    (root,), components = msgspec.json.schema_components([Catalogue], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "dk.socialsog.screening.catalogue.schema.json",
        "title": "Catalogue of codes and rules",
        **root,
        "$defs": components,
    }


def text() -> str:
    """The file's content."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
