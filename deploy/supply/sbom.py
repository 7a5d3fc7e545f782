"""The software bill of materials: CycloneDX 1.6 as JSON, of every Python package and jar with its hashes.

Reads the inventory from standard input and writes to standard output; `make sbom` runs it with the supply tools' own environment.
The same lock files give the same bytes: no time of making is in it, and its serial number is derived from its content.
"""

import json
import sys
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

ROOT_NAME = "socialsog"


def component(row: dict[str, Any]) -> Component:
    """One locked package. A jar has one hash; a Python package one per file that an installation may choose."""
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=each) for each in row["sha256"]]
    files = ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(row["purl"]), hashes=hashes)
    known = row["licence"] != "unknown"
    return Component(
        type=ComponentType.LIBRARY,
        group=row["group"] or None,
        name=row["name"],
        version=row["version"],
        bom_ref=row["purl"],
        purl=PackageURL.from_string(row["purl"]),
        hashes=hashes if row["kind"] == "maven" else (),
        external_references=[files] if row["kind"] == "pypi" else (),
        licenses=[LicenseFactory().make_from_string(row["licence"])] if known else (),
        scope=ComponentScope.REQUIRED if row["production"] else ComponentScope.OPTIONAL,
    )


def document(rows: list[dict[str, Any]]) -> str:
    """The bill of materials as text. Raises ValueError where it breaks the standard's schema."""
    root = Component(type=ComponentType.APPLICATION, name=ROOT_NAME, bom_ref=ROOT_NAME)
    bom = Bom(components=map(component, rows), serial_number=uuid5(NAMESPACE_URL, json.dumps(rows, sort_keys=True)))
    bom.metadata.component = root
    bom.register_dependency(root, bom.components)
    written = json.loads(JsonV1Dot6(bom).output_as_string())
    del written["metadata"]["timestamp"]
    text = json.dumps(written, indent=2, ensure_ascii=False) + "\n"
    if (wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is not None:
        raise ValueError(f"not a CycloneDX 1.6 document: {wrong}")
    return text


if __name__ == "__main__":
    sys.stdout.write(document(json.load(sys.stdin)))
