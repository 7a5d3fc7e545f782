"""The example in docs/extracts.md is run, and its columns are those that the simulator writes."""

import csv
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from services.simulator.rows import FIELDS

PAGE = Path(__file__).parents[2] / "docs" / "extracts.md"


def test_the_example_writes_a_good_extract(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "SOCIALSOG_INBOX": str(tmp_path)})
    manifest = json.loads((tmp_path / "police" / "1461-00001.manifest.json").read_text("utf-8"))
    data = (tmp_path / "police" / manifest["file"]).read_bytes()
    header, *rows = csv.reader(data.decode().splitlines())
    assert tuple(header) == FIELDS
    assert manifest["rows"] == len(rows) == 2
    assert manifest["sha256"] == hashlib.sha256(data).hexdigest()


def test_the_table_lists_the_fields_in_order() -> None:
    assert tuple(re.findall(r"^\| \d+ \| `(\w+)` \| (?:string|integer|boolean)", PAGE.read_text("utf-8"), re.M)) == FIELDS
