"""Structured logs: one JSON object per line on standard error. Only codes, ids and counts are ever passed in.

While a message, a piece of work or a request is handled, every line carries its correlation (`bound`, `note`).
Uncaught exceptions are described, not printed: a driver's message can quote a person's number.
"""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType

import msgspec

from services.runtime.errors import describe, where

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


_bound: ContextVar[dict[str, object] | None] = ContextVar("bound", default=None)


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Every line of this thread carries these fields meanwhile: codes and random ids."""
    token = _bound.set({**(_bound.get() or {}), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


def note(**fields: object) -> None:
    """Carry these too, until the end of the innermost `bound`."""
    if (found := _bound.get()) is not None:
        found.update(fields)


class JsonFormatter(logging.Formatter):
    """Formats a record and its `extra` fields as one JSON line; an exception as class and place."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "service": self.service,
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line |= _bound.get() or {}
        line |= {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        if record.exc_info and record.exc_info[1] is not None:
            line |= {"error": describe(record.exc_info[1]), "place": where(record.exc_info[1])}
        return msgspec.json.encode(line, enc_hook=str).decode()


def configure(service: str) -> None:
    """Send all logging of this process to standard error as JSON, libraries from warning up only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("services").setLevel(logging.INFO)
    # Refused connections during a restart are the relay's and consumer's business, and they say it better.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    sys.excepthook = _uncaught
    threading.excepthook = lambda caught: _uncaught(caught.exc_type, caught.exc_value, caught.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    logging.getLogger("services").critical("uncaught", exc_info=(kind, error or kind(), trace))
