"""Composition root of deduplication: which handler hears of which topic."""

from events import topics
from services.deduplication import handlers
from services.runtime.service import Service
from services.runtime.settings import Settings


def build(settings: Settings) -> Service:
    """The service, not yet running. Decisions keep their own versions, per version of a draft."""
    service = Service(settings)
    service.consume(topics.ALIAS, handlers.on_alias)
    service.consume(topics.RUN, handlers.on_run)
    service.consume(topics.CANDIDATE, handlers.on_candidate)
    service.consume(topics.EVIDENCE, handlers.on_evidence)
    service.consume(topics.DECISION, handlers.on_decision, versioned=False)
    service.consume(topics.DELIVERY, handlers.on_delivery)
    return service
