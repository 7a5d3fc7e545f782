"""Composition root of identity."""

import gc

from services.identity import api
from services.identity.register.inbox import Inbox
from services.identity.register.loader import Loader
from services.identity.store import GAUGES
from services.runtime.service import Service
from services.runtime.settings import Settings

SCAN_SECONDS = 0.2
"""Between two looks into the inbox, and between two stretches of a long load: short, because a load waits for it."""
COLLECT_AFTER = 100_000
"""New objects before Python looks for circles among them. A batch of the register makes 30,000 and no circle; with Python's 700,
a quarter of the load's time went into looking."""


def build(settings: Settings) -> Service:
    """The service, ready to run."""
    gc.set_threshold(COLLECT_AFTER)
    service = Service(settings)
    service.every("scan", SCAN_SECONDS, Loader(service.store, Inbox(settings.inbox / "register")).scan)
    service.serve(api.routes(service.store))
    service.measure(GAUGES)
    return service
