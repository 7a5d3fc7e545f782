"""Named points in the code at which a fault may be planted: the process that reaches one dies there, once, as by kill -9.

Nothing happens, and nothing is looked at, unless the embedded form was started with `SOCIALSOG_POINTS`, a folder; production
refuses it. A file `<service>.<point>` in that folder, holding a number n, lets the n-th passage from then on be the last of the
process that makes it. The file is renamed first, so that of all copies only one dies and the next start is safe.
"""

import os
import signal
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from services.runtime.errors import Fatal

VARIABLE = "SOCIALSOG_POINTS"
FATAL_MARK = b"kills-whoever-reads-this"
"""A message that holds these bytes ends the process that begins to handle it, each time: a bug that no restart mends."""

_folder: Path | None = None
_service = ""
_passages: Counter[str] = Counter()


def watch(service: str, environment: str, environ: Mapping[str, str] = os.environ) -> None:
    """Let faults be planted in this process, where the environment asks for it. Raises Fatal in production."""
    global _folder, _service
    if not environ.get(VARIABLE):
        return
    if environment != "embedded":
        raise Fatal(f"{VARIABLE} is set but SOCIALSOG_ENVIRONMENT is {environment}: faults are planted in tests only, unset it")
    _folder, _service = Path(environ[VARIABLE]), service


def reach(point: str) -> None:
    """Pass a point, or die at it."""
    if _folder is not None:
        _pass(_folder / f"{_service}.{point}")


def read(payload: bytes | None) -> None:
    """Begin to handle a message, or die of it."""
    if _folder is not None and payload and FATAL_MARK in payload:
        _die()


def _pass(planted: Path) -> None:
    try:
        last = int(planted.read_text(encoding="ascii"))
    except (OSError, ValueError):
        _passages.pop(planted.name, None)
        return
    _passages[planted.name] += 1
    if _passages[planted.name] >= last:
        with suppress(FileNotFoundError):  # another copy was faster
            planted.rename(planted.with_suffix(planted.suffix + ".struck"))
            _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
