"""Spans by OpenTelemetry's SDK. Loaded only where tracing is on.

Attributes are topics, versions, states and random ids of facts; never a person, a pseudonym or a text.
"""

import threading
import time
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context

from events.record import Record
from services.runtime.events import Event
from services.runtime.tracing import low, trace_id
from services.runtime.transaction import Publication

Attributes = dict[str, str | int]
QUEUE = 100_000
"""Spans that may wait for a slow collector (some 100 MB at worst); beyond that the SDK drops them and never waits."""


class ChosenIds(RandomIdGenerator):
    """Gives out the ids that were chosen for the next span of this thread."""

    def __init__(self) -> None:
        self.next = threading.local()

    def generate_span_id(self) -> int:
        """The chosen id."""
        return int(self.next.span)

    def generate_trace_id(self) -> int:
        """The chosen id; asked for only for the first span of a trace."""
        return int(self.next.trace)


class Spans:
    """Writes the spans of one service."""

    def __init__(self, service: str, folder: str | None, ratio: float) -> None:
        self._ids = ChosenIds()
        self._file: TextIO | None = None
        self._provider = TracerProvider(
            sampler=TraceIdRatioBased(ratio),
            resource=Resource.create({"service.name": service}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(self._to_file(Path(folder), service) if folder else _to_collector())
        self._tracer = self._provider.get_tracer("socialsog")
        self._service = service

    def _to_file(self, folder: Path, service: str) -> SpanProcessor:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"{service}.jsonl").open("a", encoding="utf-8", buffering=1)
        return SimpleSpanProcessor(ConsoleSpanExporter(out=self._file, formatter=lambda span: span.to_json(indent=None) + "\n"))

    def published(self, row: UUID, event_id: UUID, publication: Publication, cause: int | None, began: int) -> None:
        """A fact of this row's story; the first is preceded by the row itself."""
        first = isinstance(publication.data, Record) and publication.version == 1 and publication.data.record_id == row
        if first:
            self._tell("extract row", row, low(row), None, began, {"extract": publication.correlation})
        attributes: Attributes = {"topic": publication.topic.name, "version": publication.version, "event": str(event_id)}
        if (state := getattr(publication.data, "state", None)) is not None:
            attributes["state"] = state
        self._tell(publication.topic.name, row, low(event_id), cause or low(row), began, attributes, SpanKind.PRODUCER)

    def handled(self, row: UUID, span: int, event: Event[Any], began: int) -> None:
        """An event of this row's story that was handled here."""
        attributes: Attributes = {"topic": event.topic.name, "version": event.version, "event": str(event.id)}
        self._tell(f"{self._service} handles", row, span, low(event.id), began, attributes, SpanKind.CONSUMER)

    def _tell(
        self,
        name: str,
        row: UUID,
        span: int,
        parent: int | None,
        began: int,
        attributes: Attributes,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> None:
        self._ids.next.trace, self._ids.next.span = trace_id(row), span
        context = None
        if parent is not None:
            remote = SpanContext(trace_id(row), parent, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
            context = set_span_in_context(NonRecordingSpan(remote))
        started = self._tracer.start_span(name, context=context, kind=kind, attributes=attributes, start_time=began)
        started.end(time.time_ns())

    def close(self) -> None:
        """Let out what waits."""
        self._provider.shutdown()
        if self._file is not None:
            self._file.close()


def _to_collector() -> SpanProcessor:
    return BatchSpanProcessor(OTLPSpanExporter(), max_queue_size=QUEUE, max_export_batch_size=5_000)
