"""Composition root of identity."""

from services.identity import api
from services.identity.checks import whole
from services.identity.register.inbox import Inbox
from services.identity.register.loader import Loader
from services.identity.store import GAUGES
from services.runtime.service import Service
from services.runtime.settings import Settings

SCAN_SECONDS = 0.2
"""Between two looks into the inbox, and between two stretches of a long load: short, because a load waits for it."""


def build(settings: Settings) -> Service:
    """The service, ready to run."""
    service = Service(settings)
    inbox = settings.inbox / "register"
    service.every("scan", SCAN_SECONDS, Loader(service.store, Inbox(inbox)).scan)
    service.serve(api.routes(service.store))
    service.measure(GAUGES)
    service.check(lambda: [whole(service.store, inbox)])
    return service
