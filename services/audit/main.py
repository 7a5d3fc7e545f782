"""Composition root of audit."""

from events.topics import ALIAS, AUDIT
from services.audit import api, handlers
from services.audit.store import GAUGES
from services.runtime.service import Service
from services.runtime.settings import Settings


def build(settings: Settings) -> Service:
    """The service, ready to run. Entries have no version: their number says whether they are new."""
    service = Service(settings)
    for topic in AUDIT.values():
        service.consume(topic, handlers.on_entries, versioned=False)
    service.consume(ALIAS, handlers.on_aliases)
    service.serve(api.routes(service.store))
    service.measure(GAUGES)
    return service
