"""Traces: the story of each extract row, from the row to the municipality's receipt, for whoever asks where it is and why.

A trace is computed, not carried: its id and its first span's id follow from the row's random record id, and the span of a fact is
known by the fact's own id. So nothing is stored or sent for it – no header, no column, nothing towards a municipality – and a
repeated message continues the same trace. What concerns several rows is told in the trace of each. A step that a message
caused is the child of that message; what a schedule, a person or a receipt caused is a child of the row itself.

Off unless `OTEL_EXPORTER_OTLP_ENDPOINT` (OTLP over HTTP) or `SOCIALSOG_TRACES` (a folder for JSON lines) is set; off, it costs a
look at one variable. `OTEL_TRACES_SAMPLER_ARG` is the share of rows that is followed; all services follow the same ones.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from events.story import stories
from services.runtime.log import note

if TYPE_CHECKING:
    from services.runtime.spans import Spans
    from services.runtime.transaction import Publication

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
FOLDER = "SOCIALSOG_TRACES"

_spans: "Spans | None" = None


@dataclass
class Activity:
    """What this thread is doing: since when (ns), and the span that continues each story meanwhile."""

    began: int
    causes: dict[UUID, int] = field(default_factory=dict)
    handled: list[tuple[UUID, int, Any]] = field(default_factory=list)


_activity: ContextVar[Activity | None] = ContextVar("activity", default=None)


def configure(service: str, environ: Mapping[str, str]) -> None:
    """Switch tracing on for this process where the environment asks for it. The libraries are loaded only then."""
    global _spans
    if environ.get(FOLDER) or any(environ.get(name) for name in ENDPOINTS):
        from services.runtime.spans import Spans

        _spans = Spans(service, environ.get(FOLDER), float(environ.get("OTEL_TRACES_SAMPLER_ARG", "1")))


def on() -> bool:
    """Whether anybody follows."""
    return _spans is not None


def close() -> None:
    """Let out what was not exported yet."""
    if _spans is not None:
        _spans.close()


@contextmanager
def activity() -> Iterator[None]:
    """A piece of work that begins now; it is told when it ends well."""
    if _spans is None:
        yield
        return
    found = Activity(time.time_ns())
    token = _activity.set(found)
    try:
        yield
        for row, span, event in found.handled:
            _spans.handled(row, span, event, found.began)
    finally:
        _activity.reset(token)


def handles(events: Sequence[Any]) -> None:
    """The activity of this thread handles these events: what it publishes of their stories is caused by them."""
    found = _activity.get()
    if found is None:
        return
    for event in events:
        for row in stories(event.data):
            span = low(uuid4())
            found.causes[row] = span
            found.handled.append((row, span, event))
    if len(events) == 1 and found.causes:
        note(trace=f"{trace_id(next(iter(found.causes))):032x}")


def published(facts: "Sequence[tuple[UUID, Publication]]") -> None:
    """These facts have been committed, each with its event id."""
    if _spans is None or not facts:
        return
    found = _activity.get() or Activity(time.time_ns())
    for event_id, publication in facts:
        for row in stories(publication.data):
            _spans.published(row, event_id, publication, found.causes.get(row), found.began)


def trace_id(row: UUID) -> int:
    """Id of the trace of a row. Digested, because samplers expect every bit of it to be random."""
    return int.from_bytes(hashlib.blake2b(row.bytes, digest_size=16).digest())


def low(identity: UUID) -> int:
    """The random lower half of an id, as a span id."""
    return identity.int & (2**64 - 1)
