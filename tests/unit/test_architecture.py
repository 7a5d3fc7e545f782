"""The architecture holds by contract: who may import whom (pyproject.toml, [tool.importlinter]), and how long files may grow."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST_FILE = 400
"""Lines. A file that grows beyond holds more than one concept."""


def test_import_contracts_hold() -> None:
    command = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_has_grown_beyond_one_concept() -> None:
    sources = [path for folder in ("events", "services", "deploy", "tests") for path in (ROOT / folder).rglob("*.py")]
    assert sources
    too_long = {path.name: lines for path in sources if (lines := len(path.read_text().splitlines())) > LONGEST_FILE}
    assert not too_long
