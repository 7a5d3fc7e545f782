"""Sending one letter: look where the child is now, check, fetch the frozen bytes, encrypt, and commit it as sent.

Whatever calls out happens before the transaction; the transaction checks once more against the newest draft, so that a change
that arrives meanwhile still stops the letter. The last step before the commit writes the sending into the dispatch journal. After
a restore a letter that had left already is recognised here and takes over what was sent (`restoring`).
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from events import topics
from events.audit import Verb
from events.decision import Decision
from events.delivery import DeliveryState
from events.http.identity import ChildResidence
from events.http.notification import FrozenLetter
from events.municipal import Notification, Receipt
from events.topics import LARGEST_FACT_BYTES
from services.delivery import acting, left, store
from services.delivery.dispatch import Answered, Journal, Sent
from services.delivery.domain.left import AlreadyLeft, Telling, Unclear, compare, telling, under_newest_key
from services.delivery.domain.sending import OVERTAKEN, Return, Routes, Send, Verdict, decide, stale
from services.delivery.domain.states import advance
from services.delivery.handlers import publish
from services.delivery.restoring import adopt, hold_if_older
from services.delivery.sealing import Keys
from services.delivery.store import Row
from services.runtime.database import Store
from services.runtime.errors import Poison
from services.runtime.transaction import Transaction
from services.runtime.work import Effects, Postpone, WorkItem

log = logging.getLogger(__name__)

STOPPED_SECONDS = 0.5
"""How soon a letter looks again whether an operator still holds sending."""
NO_KEY_SECONDS = 30.0
"""How soon it looks again for a key that a municipality has not given yet."""
PERSON_SECONDS = 30.0
"""How soon it looks again whether a person has found out what happened to a letter (`socialsog restore settle`)."""
LARGEST_LETTER_BYTES = LARGEST_FACT_BYTES - 2_048
"""Of a letter as it is sealed; its message and envelope add some 700 bytes. Looked at before the journal says that it left."""
OFFER_AGAIN = timedelta(hours=24)
"""Business time without any receipt after which a message is offered again, with the same id."""

Residence = Callable[[list[UUID], datetime], list[ChildResidence]]
Letter = Callable[[UUID, int], FrozenLetter]


@dataclass(frozen=True)
class Sealed:
    """A letter ready to leave, and what it tells as the journal remembers it."""

    municipality: str
    message_id: UUID
    content: str
    told: Telling


@dataclass
class Sender:
    """Does the `send` work. The doors are given as callables, so that tests need no other service.

    `compared`: whether database and journal were compared since the process began.
    """

    database: Store
    residence: Residence
    letter: Letter
    keys: Keys
    journal: Journal
    delegations: dict[str, str]
    served: frozenset[str]
    compared: bool = False

    def send(self, item: WorkItem) -> Effects:
        """Send one approved letter, or say why not."""
        if not self.compared:
            hold_if_older(self.database, self.journal)
            self.compared = True
        decision = msgspec.json.decode(item.payload, type=Decision)
        notification_id = UUID(item.key)
        verdict, compares = self._verdict(decision)
        if not isinstance(verdict, Send) and (not compares or _overtaken(verdict)):
            return lambda transaction: self._end(transaction, notification_id, verdict)
        letter = self.letter(decision.draft_id, decision.draft_version)
        if letter.digest != decision.digest or hashlib.sha256(letter.content.encode()).hexdigest() != decision.digest:
            return lambda transaction: self._end(transaction, notification_id, Return("digest_differs"))
        if compares and (effects := self._already_left(notification_id, letter)) is not None:
            return effects
        if not isinstance(verdict, Send):
            return lambda transaction: self._end(transaction, notification_id, verdict)
        message_id = self.journal.message_id(notification_id)
        content = self.keys.seal(verdict.municipality, message_id, letter)
        if content is None:
            raise Postpone("no_key", NO_KEY_SECONDS)
        if len(content) > LARGEST_LETTER_BYTES:
            return lambda transaction: self._end(transaction, notification_id, Return("too_large"))
        sealed = Sealed(verdict.municipality, message_id, content, telling(letter.content, self.journal.hashes[-1]))
        return lambda transaction: self._commit(transaction, decision, notification_id, sealed)

    def _already_left(self, notification_id: UUID, letter: FrozenLetter) -> Effects | None:
        """After a restore: what to do with a letter that had left, wholly or in part; None when nothing of it was told."""
        tellings = [telling(letter.content, keyed) for keyed in self.journal.hashes]
        with self.database.transaction() as transaction:
            candidates = left.about(transaction, [one for each in tellings for one in each.child])
        found = compare(tellings[-1], under_newest_key(candidates, tellings))
        if isinstance(found, Unclear):
            if found.reason == "had_perhaps_left":
                raise Postpone(found.reason, PERSON_SECONDS)
            return lambda transaction: self._end(transaction, notification_id, Return("partly_left"))
        facts = [one for each in tellings for one in each.facts]
        return None if found is None else lambda transaction: self._adopt(transaction, notification_id, found, facts)

    def _adopt(self, transaction: Transaction, notification_id: UUID, found: AlreadyLeft, facts: Sequence[str]) -> None:
        row = _pending(transaction, notification_id)
        if row is not None:
            adopt(transaction, row, found.messages, facts)
            _audit(transaction, row, "disclosure", "notification_had_left", recipient=row.delivery.municipality)

    def journal_answer(self, item: WorkItem) -> Effects:
        """Write a municipality's answer into the journal: it is the proof that its letter left."""
        self.journal.append(Answered(msgspec.json.decode(item.payload, type=Receipt)))
        return lambda transaction: None

    def _verdict(self, decision: Decision) -> tuple[Verdict, bool]:
        """What to do with a letter, and whether anything that left waits to be compared with."""
        with self.database.transaction() as transaction:
            if store.stopped(transaction):
                raise Postpone("sending_is_stopped", STOPPED_SECONDS)
            told = store.load(transaction, decision.corrects) if decision.corrects else None
            newest = store.newest_draft(transaction, decision.case_id)
            acts = acting.set_for_case(transaction, decision)
            now, compares = transaction.now, left.any_open(transaction)
        residence, *others = self.residence(list(dict.fromkeys([decision.child, *acts])), now)
        routes = Routes(acting.of_child(acts, residence, others), self.delegations, self.served)
        return decide(decision, newest, residence, told.delivery.municipality if told else None, routes), compares

    def _end(self, transaction: Transaction, notification_id: UUID, verdict: Verdict) -> None:
        """Not sent: suppressed for good, or back to a person."""
        row = _pending(transaction, notification_id)
        if row is None or isinstance(verdict, Send):
            return
        state: DeliveryState = "returned" if isinstance(verdict, Return) else "suppressed"
        row.delivery = advance(row.delivery, state, transaction.now, verdict.reason) or row.delivery
        store.update(transaction, row)
        publish(transaction, row)
        _audit(transaction, row, "consultation", f"{state}_{verdict.reason}")

    def _commit(self, transaction: Transaction, decision: Decision, notification_id: UUID, sealed: Sealed) -> None:
        row = _pending(transaction, notification_id)
        if row is None:
            return
        if (overtaken := stale(decision, store.newest_draft(transaction, decision.case_id))) is not None:
            self._end(transaction, notification_id, overtaken)
            return
        if store.stopped(transaction):
            raise Postpone("sending_is_stopped", STOPPED_SECONDS)
        sent = advance(row.delivery, "sent", transaction.now)
        if sent is None:
            raise Poison("delivery_is_not_pending")
        row.delivery, row.message_id = msgspec.structs.replace(sent, municipality=sealed.municipality), sealed.message_id
        store.update(transaction, row)
        publish(transaction, row)
        refers_to, now = self._told_as(transaction, decision.corrects), transaction.now
        message = Notification(sealed.message_id, sealed.municipality, decision.kind, refers_to, now, sealed.content)
        cursor = store.put_message(transaction, message)
        offer(transaction, message, 1)
        _audit(transaction, row, "disclosure", "notification_sent", recipient=sealed.municipality)
        self.journal.append(Sent(sealed.message_id, sealed.municipality, cursor, decision.kind, decision.week, now, sealed.told))

    @staticmethod
    def _told_as(transaction: Transaction, notification_id: UUID | None) -> UUID | None:
        told = store.load(transaction, notification_id) if notification_id else None
        return told.message_id if told else None

    def offer_again(self) -> None:
        """Offer once more what nobody has answered for a day; the id stays, so that a case system knows it."""
        with self.database.transaction() as transaction:
            if store.stopped(transaction):
                return
            for row in store.unanswered(transaction, transaction.now - OFFER_AGAIN, self.served):
                self._repeat(transaction, row)

    def offer_everything_unanswered(self) -> None:
        """The broker lost what it had: offer all that has no receipt, with the same ids."""
        with self.database.transaction() as transaction:
            if store.held(transaction):  # receipts are lost too: `reconcile` finds them first
                return
            for row in store.unanswered(transaction, transaction.now + timedelta(seconds=1), self.served):
                self._repeat(transaction, row)

    @staticmethod
    def _repeat(transaction: Transaction, row: store.Unanswered) -> None:
        offer(transaction, row.message, row.offers + 1)
        store.offered(transaction, row.message.message_id)


def offer(transaction: Transaction, message: Notification, times: int) -> None:
    """Put a message on its municipality's topic. Its correlation is its own id: no trace of ours leaves."""
    key = str(message.message_id)
    transaction.publish(topics.municipal_notification(message.municipality), key, times, message, key)


def _overtaken(verdict: Verdict) -> bool:
    return isinstance(verdict, Return) and verdict.reason in OVERTAKEN


def _pending(transaction: Transaction, notification_id: UUID) -> Row | None:
    row = store.load(transaction, notification_id)
    return row if row and row.delivery.state == "pending" else None


def _audit(transaction: Transaction, row: Row, verb: Verb, action: str, recipient: str | None = None) -> None:
    delivery = row.delivery
    transaction.audit(
        verb,
        action,
        purpose="notification",
        subjects=[delivery.child],
        case_id=delivery.case_id,
        run_id=delivery.run_id,
        week=delivery.week,
        municipality=delivery.municipality,
        recipient=recipient,
        notification=str(delivery.notification_id),
        digest=row.digest,
    )
