"""Composition root of notification."""

import logging

from events import topics
from events.http.identity import IdentityDoors
from services.notification.api import routes
from services.notification.desk import Desk
from services.notification.handlers import COMPOSE, on_case
from services.notification.store import GAUGES
from services.notification.work import Composer
from services.runtime.client import Client
from services.runtime.service import Service
from services.runtime.settings import Settings

log = logging.getLogger(__name__)


def build(settings: Settings) -> Service:
    """The service, ready to run."""
    service = Service(settings)
    doors = IdentityDoors(Client(settings, "identity"))
    composer = Composer(service.store, doors.unmask, automatic=settings.automatic_release)
    service.consume(topics.CASE, on_case, versioned=False)
    service.work(COMPOSE, composer.compose)
    service.serve(routes(Desk(service.store)))
    if settings.automatic_release:
        log.warning("automatic_release_is_on", extra={"meaning": "letters are sent without a named person"})
    service.measure(GAUGES)
    return service
