"""Letters that left after the moment to which the database was restored: named queries of the table `left_letter`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from events.municipal import Receipt
from services.delivery.dispatch import Sent
from services.delivery.domain.left import Left, LeftState
from services.runtime.transaction import Transaction


class Letter(msgspec.Struct, frozen=True):
    """One such letter as it stood in the journal, with the answers to it."""

    sent: Sent
    receipts: list[Receipt]


class LeftLine(msgspec.Struct, frozen=True):
    """One such letter as operators see it. `facts`: how many of its facts no letter since has been matched with."""

    message_id: UUID
    state: LeftState
    municipality: str
    kind: str
    week: str
    sent_at: datetime
    answers: int
    facts: int
    notification_id: UUID | None


_FOUND = """
    INSERT INTO left_letter (message_id, municipality, state, child, facts, document, found_at)
    VALUES (:message, :municipality, :state, :child, :facts, :document, :now)
    ON CONFLICT (message_id) DO UPDATE SET document = excluded.document,
        state = CASE WHEN left_letter.state = 'unconfirmed' THEN excluded.state ELSE left_letter.state END
"""
_ABOUT = """
    SELECT message_id, child, facts, state FROM left_letter WHERE state IN ('left', 'unconfirmed') AND child && :child FOR UPDATE
"""
_UNMATCHED = "SELECT document FROM left_letter WHERE message_id = :message AND municipality = :municipality FOR UPDATE"
_MATCH = """
    UPDATE left_letter SET notification_id = :notification,
        facts = ARRAY(SELECT f FROM unnest(facts) AS f WHERE f <> ALL (:facts)),
        state = CASE WHEN facts <@ :facts THEN 'matched' ELSE state END
    WHERE message_id = :message RETURNING document
"""


def found(transaction: Transaction, letter: Letter) -> None:
    """Remember a letter that left and that the database does not know."""
    sent = letter.sent
    values = {
        "message": sent.message_id,
        "municipality": sent.municipality,
        "state": "left" if letter.receipts else "unconfirmed",
        "child": sent.telling.child,
        "facts": sent.telling.facts,
        "document": msgspec.json.encode(letter),
        "now": transaction.now,
    }
    transaction.execute(_FOUND, values)


def any_open(transaction: Transaction) -> bool:
    """Whether any letter that left waits to be matched; never, in a system that was not restored."""
    query = "SELECT EXISTS (SELECT FROM left_letter WHERE state IN ('left', 'unconfirmed'))"
    return bool(transaction.execute(query).scalar_one())


def messages(transaction: Transaction) -> set[UUID]:
    """The ids of all of them, whatever became of them."""
    return set(transaction.execute("SELECT message_id FROM left_letter").scalars())


def about(transaction: Transaction, child: Sequence[str]) -> list[Left]:
    """What left about a child and is not matched yet, locked."""
    rows = transaction.execute(_ABOUT, {"child": list(child)}).all()
    return [Left(row.message_id, row.child, row.facts, row.state == "unconfirmed") for row in rows]


def match(transaction: Transaction, message_id: UUID, facts: Sequence[str], notification_id: UUID) -> Letter:
    """Take these facts off a letter that left: a notification has been recognised in it."""
    values = {"message": message_id, "facts": list(facts), "notification": notification_id}
    return msgspec.json.decode(transaction.execute(_MATCH, values).scalar_one(), type=Letter)


def answered(transaction: Transaction, receipt: Receipt) -> bool:
    """Keep an answer to a letter that left and that no notification is matched with yet: it proves that it left."""
    values = {"message": receipt.message_id, "municipality": receipt.municipality}
    document = transaction.execute(_UNMATCHED, values).scalar_one_or_none()
    if document is None:
        return False
    letter = msgspec.json.decode(document, type=Letter)
    if receipt.receipt_id not in {each.receipt_id for each in letter.receipts}:
        found(transaction, Letter(letter.sent, [*letter.receipts, receipt]))
    return True


def settle(transaction: Transaction, message_id: UUID, state: LeftState) -> LeftLine | None:
    """A person has found out; None where no such letter waits."""
    query = "UPDATE left_letter SET state = :state WHERE message_id = :message AND state IN ('left', 'unconfirmed')"
    if transaction.execute(query, {"state": state, "message": message_id}).rowcount != 1:
        return None
    return next(each for each in every(transaction) if each.message_id == message_id)


def every(transaction: Transaction) -> list[LeftLine]:
    """All of them, those that wait for a match first."""
    query = "SELECT * FROM left_letter ORDER BY state IN ('matched', 'closed'), found_at, message_id"
    return [
        LeftLine(
            row.message_id, row.state, row.municipality, letter.sent.kind, letter.sent.week, letter.sent.sent_at,
            len(letter.receipts), len(row.facts), row.notification_id,
        )
        for row in transaction.execute(query)
        for letter in [msgspec.json.decode(row.document, type=Letter)]
    ]  # fmt: skip
