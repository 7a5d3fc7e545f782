"""Composition root of intake."""

from events.http.identity import IdentityDoors
from services.intake import api
from services.intake.batch import Resolve
from services.intake.domain.keyed import Keyed
from services.intake.handlers import WORK
from services.intake.inbox import Inbox
from services.intake.scan import Scanner
from services.intake.store import GAUGES
from services.intake.work import Reader
from services.runtime import metrics
from services.runtime.checks import files
from services.runtime.client import Client
from services.runtime.service import Service
from services.runtime.settings import Settings

SCAN_SECONDS = 0.5
"""How often the inbox is looked at: a listing of some hundred names, soon enough for anybody who waits."""
READERS = 2
"""Extracts read at a time: while one batch waits for identity or the database, the other is parsed."""


def build(settings: Settings, resolve: Resolve | None = None) -> Service:
    """The service, ready to run. `resolve` stands in for identity's door in tests."""
    service = Service(settings)
    inbox = Inbox(settings.inbox / "police")
    keyed = Keyed(settings.secret("pseudonym-key"))
    ask = resolve or IdentityDoors(Client(settings, "identity")).resolve
    reader = Reader(service.store, inbox, keyed, ask, synthetic=settings.environment == "embedded")
    service.work(WORK, reader.read)
    service.workers = READERS
    service.every("scan", SCAN_SECONDS, Scanner(service.store, inbox, keyed).scan)
    service.serve(api.routes(service.store))
    service.measure(GAUGES)
    metrics.watch_disk("inbox", inbox.folder)
    service.check(lambda: [files.disk("inbox", inbox.folder), files.secrets(settings.secrets, ["pseudonym-key"])])
    return service
