"""After a restore: what the dispatch journal knows and the database does not, and what becomes of letters that had left already.

Until `reconcile` has read the journal nothing leaves. `make restore` holds all sending; where a database came back by other means
(a snapshot of its disk, another server that took over), delivery sees it by the journal before it sends its first letter. From
then on each letter is compared before it is sent; one that had left is not sent again but takes over the message that was sent,
with the answers to it.
"""

import logging
from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from events.municipal import Receipt
from services.delivery import left, store
from services.delivery.dispatch import Answered, Journal, JournalAltered, Sent
from services.delivery.domain.states import advance, answer
from services.delivery.handlers import publish, take_receipt
from services.delivery.left import Letter
from services.delivery.store import Row
from services.runtime.database import Store
from services.runtime.errors import Transient
from services.runtime.transaction import Transaction

log = logging.getLogger(__name__)


class Reconciled(msgspec.Struct, frozen=True):
    """What the journal said: letters that the database knows, those that it does not (and those of which nobody knows whether
    they left), and answers that it had not got.
    """

    known: int
    left: int
    unconfirmed: int
    answers: int


def reconcile(transaction: Transaction, journal: Journal | None, actor: str) -> Reconciled:
    """Read the journal (None: there is none, and a person knows it), remember what left, and end the hold."""
    sent, answers = _entries(journal)
    store.pass_cursors(transaction, ((each.municipality, each.cursor) for each in sent.values()))
    known = store.known_messages(transaction, list(sent))
    letters = [Letter(sent[each], answers.get(each, [])) for each in sent if each not in known]
    for letter in letters:
        _remember(transaction, letter, actor)
    taken = [take_receipt(transaction, receipt) for each in known for receipt in answers.get(each, [])]
    certain = sum(1 for letter in letters if letter.receipts)
    result = Reconciled(len(known), certain, len(letters) - certain, sum(taken))
    store.end_hold(transaction)
    transaction.audit(
        "alteration", "restore_reconciled", purpose="operation", actor=actor, journal="read" if journal else "none",
        **msgspec.structs.asdict(result),
    )  # fmt: skip
    return result


def hold_if_older(database: Store, journal: Journal) -> None:
    """Hold all sending where the journal tells of letters that the database has never heard of, or where it was altered."""
    with database.transaction() as transaction:
        if not store.held(transaction) and (reason := _disagrees(transaction, journal)) is not None:
            store.hold(transaction)
            transaction.audit("alteration", "sending_held", purpose="operation", reason=reason)
            log.error("sending_held", extra={"reason": reason})


def _disagrees(transaction: Transaction, journal: Journal) -> str | None:
    try:
        sent = {entry.message_id for entry in journal.read() if isinstance(entry, Sent)}
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Transient(f"dispatch_journal_unreadable errno={error.errno}") from None
    except JournalAltered:
        return "journal_altered"
    # A letter that was written down and then overtaken never left: its delivery is known all the same.
    known = {journal.message_id(each) for each in store.notifications(transaction)} | left.messages(transaction)
    unknown = sent - known
    return "database_older_than_journal" if unknown - store.known_messages(transaction, list(unknown)) else None


def _entries(journal: Journal | None) -> tuple[dict[UUID, Sent], dict[UUID, list[Receipt]]]:
    sent: dict[UUID, Sent] = {}
    answers: dict[UUID, list[Receipt]] = {}
    for entry in journal.read() if journal else ():
        if isinstance(entry, Answered):
            answers.setdefault(entry.receipt.message_id, []).append(entry.receipt)
        else:
            sent[entry.message_id] = entry
    return sent, answers


def _remember(transaction: Transaction, letter: Letter, actor: str) -> None:
    left.found(transaction, letter)
    sent = letter.sent
    transaction.audit(
        "collection",
        "letter_found_that_had_left",
        purpose="operation",
        actor=actor,
        week=sent.week,
        municipality=sent.municipality,
        recipient=sent.municipality,
        message=str(sent.message_id),
        confirmed=str(bool(letter.receipts)),
    )


def adopt(transaction: Transaction, row: Row, messages: Iterable[UUID], facts: Sequence[str]) -> None:
    """Let a pending delivery take over what had left: it is sent, to whom it was sent, and answered as it was answered."""
    notification = row.delivery.notification_id
    letters = [left.match(transaction, each, facts, notification) for each in messages]
    last = max(letters, key=lambda letter: letter.sent.sent_at)
    delivery = msgspec.structs.replace(row.delivery, municipality=last.sent.municipality)
    delivery = advance(delivery, "sent", last.sent.sent_at, "had_left") or delivery
    for receipt in last.receipts:
        delivery = answer(delivery, receipt, receipt.at) or delivery
        store.arrive(transaction, receipt)
    # One message may have told what two letters tell now; its later answers concern the first of them.
    row.message_id = None if store.known_messages(transaction, [last.sent.message_id]) else last.sent.message_id
    row.delivery = delivery
    store.update(transaction, row)
    publish(transaction, row)
