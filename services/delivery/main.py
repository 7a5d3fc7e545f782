"""Composition root of delivery."""

from events import topics
from events.http.identity import IdentityDoors
from events.http.notification import NotificationDoors
from services.delivery.api import routes
from services.delivery.checks import unserved
from services.delivery.dispatch import Journal
from services.delivery.handlers import JOURNAL, SEND, on_cases, on_decisions, on_receipts
from services.delivery.restore_api import restore_routes
from services.delivery.routing import DELEGATIONS
from services.delivery.sealing import Keys
from services.delivery.store import GAUGES
from services.delivery.work import Sender
from services.runtime.checks import files
from services.runtime.client import Client
from services.runtime.service import Service
from services.runtime.settings import Settings

OFFER_SECONDS = 5.0
"""How often unanswered messages are looked for; what counts is business time."""


def build(settings: Settings) -> Service:
    """The service, ready to run."""
    service = Service(settings)
    identity = IdentityDoors(Client(settings, "identity"))
    letters = NotificationDoors(Client(settings, "notification"))
    keys, served = Keys(settings.state / "keys"), frozenset(settings.municipalities)
    journal = Journal(settings.state / "dispatch", settings.secret("dispatch-key"))
    sender = Sender(service.store, identity.residence, letters.letter, keys, journal, DELEGATIONS, served)
    service.consume(topics.DECISION, on_decisions, versioned=False)  # an approval counts, also when a later state follows it
    service.consume(topics.CASE, on_cases)
    for code in settings.municipalities:
        service.consume(topics.municipal_receipt(code), on_receipts, versioned=False)
    service.work(SEND, sender.send)
    service.work(JOURNAL, sender.journal_answer)
    service.every("offer", OFFER_SECONDS, sender.offer_again)
    service.on_lost = sender.offer_everything_unanswered
    service.serve([*routes(service.store), *restore_routes(service.store, journal, sender)])
    service.measure(GAUGES)
    service.check(lambda: [keys.check(settings.municipalities), files.secrets(settings.secrets, ["dispatch-key"])])
    service.check(lambda: [unserved(service.store, served)])
    return service
