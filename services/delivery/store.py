"""Delivery's tables and queries. A letter lies here only as JWE for its recipient."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import UUID as Uuid

from events.delivery import Delivery
from events.municipal import Notification, Receipt
from services.delivery.domain.sending import NewestDraft
from services.runtime.tables import add_runtime_tables, ledger_view
from services.runtime.transaction import Transaction

metadata = MetaData()
add_runtime_tables(metadata)

Table(
    "delivery",
    metadata,
    Column("notification_id", Uuid, primary_key=True),
    Column("draft_id", Uuid, nullable=False),
    Column("draft_version", BigInteger, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("week", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("municipality", Text),
    Column("version", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("message_id", Uuid, unique=True),
    Column("corrects", Uuid),
    Column("digest", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("draft_id", "draft_version"),
    Index(None, "case_id"),
)
Table(
    "message",
    metadata,
    Column("municipality", Text, primary_key=True),
    Column("cursor", BigInteger, primary_key=True),
    Column("message_id", Uuid, nullable=False, unique=True),
    Column("document", LargeBinary, nullable=False),
    Column("offers", BigInteger, nullable=False, server_default="1"),
    Column("offered_at", DateTime(timezone=True), nullable=False),
)
# Cursors are gapless per municipality, taken under this row's lock until commit: a reader that has passed one missed nothing.
Table("feed", metadata, Column("municipality", Text, primary_key=True), Column("last", BigInteger, nullable=False))
Table(
    "newest_draft",
    metadata,
    Column("case_id", Uuid, primary_key=True),
    Column("draft_id", Uuid, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("open", Boolean, nullable=False),
)
Table(
    "receipt",
    metadata,
    Column("receipt_id", Uuid, primary_key=True),
    Column("message_id", Uuid, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("arrived_at", DateTime(timezone=True), nullable=False),
)
Table("acting", metadata, Column("child", Uuid, primary_key=True), Column("municipality", Text, nullable=False))
Table(
    "brake",
    metadata,
    Column("name", Text, primary_key=True),
    Column("stopped", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
)

# Letters that left after the moment of a backup that was restored; empty in every other system.
Table(
    "left_letter",
    metadata,
    Column("message_id", Uuid, primary_key=True),
    Column("municipality", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("child", ARRAY(Text), nullable=False),
    Column("facts", ARRAY(Text), nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("notification_id", Uuid),
    Column("found_at", DateTime(timezone=True), nullable=False),
)

SENDING = "sending"
"""The operator's brake."""
RESTORED = "restored"
"""The hold that a restore leaves behind: `socialsog restore reconcile` ends it, and nothing else."""

GRANTS = {"receipt": "SELECT, INSERT", **dict.fromkeys(("acting", "brake"), "SELECT, INSERT, UPDATE, DELETE")}
"""What the service's role may do where it is not reading, adding and changing. What a municipality answered stays."""

_AWAITED = """delivery.state = 'sent' AND NOT EXISTS (
    SELECT FROM delivery later WHERE later.corrects = delivery.notification_id AND later.message_id IS NOT NULL)"""
"""Of a letter whose answer is still wanted: the municipality has not answered, and it was not corrected or taken back since."""
_UNACCEPTED = """delivery.state = 'received' AND NOT EXISTS (
    SELECT FROM delivery later WHERE later.corrects = delivery.notification_id AND later.state = 'acknowledged')"""
"""Of a letter that a municipality's system has, and that nobody there has taken over (nor what came in its place)."""

LEDGER_VIEW = ledger_view(f"""
    SELECT week, 'approved' AS measure, count(*) AS amount FROM delivery GROUP BY week
    UNION ALL SELECT week, CASE state WHEN 'received' THEN 'sent' ELSE state END, count(*) FROM delivery GROUP BY 1, 2
    UNION ALL SELECT NULL, 'unsent_since:letters', extract(epoch FROM min(changed_at))::bigint
        FROM delivery WHERE state = 'pending' HAVING count(*) > 0
    UNION ALL SELECT NULL, 'unanswered_since:' || municipality, extract(epoch FROM min(changed_at))::bigint FROM delivery
        WHERE {_AWAITED} GROUP BY municipality
    UNION ALL SELECT NULL, 'unaccepted_since:' || municipality, extract(epoch FROM min(changed_at))::bigint FROM delivery
        WHERE {_UNACCEPTED} GROUP BY municipality
""")
GAUGES = f"""
    SELECT 'socialsog_deliveries', coalesce(municipality, 'none'), state, count(*)::float8 FROM delivery GROUP BY 2, 3
    UNION ALL SELECT 'socialsog_unanswered_timestamp_seconds', NULL, NULL, extract(epoch FROM min(changed_at))::float8
        FROM delivery WHERE {_AWAITED}
    UNION ALL SELECT 'socialsog_sending_stopped', NULL, NULL, coalesce(max(stopped::int), 0)::float8 FROM brake
"""


class Row(msgspec.Struct):
    """A delivery as stored, locked by whoever loaded it."""

    delivery: Delivery
    version: int
    message_id: UUID | None
    digest: str


class Unanswered(msgspec.Struct, frozen=True):
    """A message without any receipt, and how often it was offered."""

    message: Notification
    offers: int


_PUT = """
    WITH next AS (
        INSERT INTO feed AS f (municipality, last) VALUES (:municipality, 1)
        ON CONFLICT (municipality) DO UPDATE SET last = f.last + 1 RETURNING last)
    INSERT INTO message (municipality, cursor, message_id, document, offered_at)
    SELECT :municipality, last, :message, :document, :now FROM next RETURNING cursor
"""
_PASS = """
    INSERT INTO feed AS f (municipality, last) VALUES (:municipality, :cursor)
    ON CONFLICT (municipality) DO UPDATE SET last = greatest(f.last, excluded.last)
"""
_COLUMNS = "document, version, message_id, digest"
_INSERT = """
    INSERT INTO delivery (notification_id, draft_id, draft_version, case_id, week, state, municipality, version, document,
        message_id, corrects, digest, changed_at)
    VALUES (:id, :draft, :draft_version, :case, :week, :state, :municipality, 1, :document, NULL, :corrects, :digest, :now)
    ON CONFLICT (draft_id, draft_version) DO NOTHING
"""
_UPDATE = """
    UPDATE delivery SET state = :state, municipality = :municipality, version = :version, document = :document,
        message_id = :message, changed_at = :now WHERE notification_id = :id
"""
_NEWEST = """
    INSERT INTO newest_draft (case_id, draft_id, version, open) VALUES (:case, :draft, :version, :open)
    ON CONFLICT (case_id) DO UPDATE SET draft_id = excluded.draft_id, version = excluded.version, open = excluded.open
"""
_ARRIVE = """
    INSERT INTO receipt (receipt_id, message_id, document, arrived_at) VALUES (:id, :message, :document, :now)
    ON CONFLICT (receipt_id) DO NOTHING
"""
_FEED = """
    SELECT cursor, document FROM message WHERE municipality = :municipality AND cursor > :after ORDER BY cursor LIMIT :limit
"""
_UNANSWERED = f"""
    SELECT message.document, message.offers, message.message_id FROM message JOIN delivery USING (message_id)
    WHERE message.offered_at < :before AND message.municipality = ANY(:served) AND {_AWAITED}
    ORDER BY cursor FOR UPDATE OF message
"""
_UNSERVED = f"""
    SELECT municipality, count(*) FROM delivery WHERE municipality <> ALL(:served) AND ({_AWAITED} OR {_UNACCEPTED})
    GROUP BY municipality ORDER BY municipality
"""
_BRAKE = "INSERT INTO brake (name, stopped, reason) VALUES (:name, false, 'never_stopped') ON CONFLICT (name) DO NOTHING"
_SET_BRAKE = """
    INSERT INTO brake (name, stopped, reason) VALUES (:name, :stop, :reason)
    ON CONFLICT (name) DO UPDATE SET stopped = excluded.stopped, reason = excluded.reason
"""
_OFFERED = "UPDATE message SET offers = offers + 1, offered_at = :now WHERE message_id = :message"


def insert(transaction: Transaction, delivery: Delivery, digest: str) -> bool:
    """Store a new delivery; false when this approved version has one already."""
    values = _values(delivery) | {"digest": digest, "now": transaction.now}
    return transaction.execute(_INSERT, values).rowcount == 1


def update(transaction: Transaction, row: Row) -> None:
    """Store a delivery that was loaded for change, one version higher."""
    row.version += 1
    values = _values(row.delivery) | {"version": row.version, "message": row.message_id, "now": transaction.now}
    transaction.execute(_UPDATE, values)


def _values(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.notification_id,
        "draft": delivery.draft_id,
        "draft_version": delivery.draft_version,
        "case": delivery.case_id,
        "week": delivery.week,
        "state": delivery.state,
        "municipality": delivery.municipality,
        "corrects": delivery.corrects,
        "document": msgspec.json.encode(delivery),
    }


def load(transaction: Transaction, notification_id: UUID) -> Row | None:
    """A delivery for change."""
    return _one(transaction, "notification_id", notification_id)


def of_message(transaction: Transaction, message_id: UUID) -> Row | None:
    """The delivery that a message was sent for, for change."""
    return _one(transaction, "message_id", message_id)


def _one(transaction: Transaction, column: str, value: UUID) -> Row | None:
    row = transaction.execute(
        f"SELECT {_COLUMNS} FROM delivery WHERE {column} = :value FOR UPDATE", {"value": value}
    ).one_or_none()
    return Row(msgspec.json.decode(row.document, type=Delivery), row.version, row.message_id, row.digest) if row else None


def every(transaction: Transaction, state: str | None = None) -> list[Row]:
    """All deliveries, or those in one state, oldest first."""
    query = f"SELECT {_COLUMNS} FROM delivery WHERE state = coalesce(:state, state) ORDER BY week, changed_at, notification_id"
    rows = transaction.execute(query, {"state": state})
    return [Row(msgspec.json.decode(row.document, type=Delivery), row.version, row.message_id, row.digest) for row in rows]


def remember_drafts(transaction: Transaction, drafts: Iterable[tuple[UUID, NewestDraft]]) -> None:
    """The newest draft of each of these cases."""
    rows = [{"case": case, "draft": draft.draft_id, "version": draft.version, "open": draft.open} for case, draft in drafts]
    if rows:
        transaction.execute(_NEWEST, rows)


def newest_draft(transaction: Transaction, case_id: UUID) -> NewestDraft | None:
    """The newest draft known of a case, locked until the letter has left or not."""
    query = "SELECT draft_id, version, open FROM newest_draft WHERE case_id = :case FOR SHARE"
    row = transaction.execute(query, {"case": case_id}).one_or_none()
    return NewestDraft(*row) if row else None


def arrive(transaction: Transaction, receipt: Receipt) -> bool:
    """Remember a receipt; false when it was here before."""
    values = {"id": receipt.receipt_id, "message": receipt.message_id, "now": transaction.now}
    return transaction.execute(_ARRIVE, values | {"document": msgspec.json.encode(receipt)}).rowcount == 1


def feed(transaction: Transaction, municipality: str, after: int, limit: int) -> Sequence[Any]:
    """Messages of one municipality after a cursor."""
    return transaction.execute(_FEED, {"municipality": municipality, "after": after, "limit": limit}).all()


def put_message(transaction: Transaction, message: Notification) -> int:
    """Put a message into its municipality's feed; its cursor there."""
    values = {"message": message.message_id, "municipality": message.municipality, "now": transaction.now}
    cursor = transaction.execute(_PUT, values | {"document": msgspec.json.encode(message)}).scalar_one()
    return int(cursor)


def pass_cursors(transaction: Transaction, used: Iterable[tuple[str, int]]) -> None:
    """Never again give out a cursor that a municipality has passed: it would not see the message behind it."""
    highest: dict[str, int] = {}
    for municipality, cursor in used:
        highest[municipality] = max(cursor, highest.get(municipality, 0))
    rows = [{"municipality": municipality, "cursor": cursor} for municipality, cursor in sorted(highest.items())]
    if rows:
        transaction.execute(_PASS, rows)


def notifications(transaction: Transaction) -> list[UUID]:
    """The ids of all that was ever approved, whatever became of it."""
    return list(transaction.execute("SELECT notification_id FROM delivery").scalars())


def known_messages(transaction: Transaction, messages: Sequence[UUID]) -> set[UUID]:
    """Which of these messages a delivery is known to have been sent as."""
    query = "SELECT message_id FROM delivery WHERE message_id = ANY(:messages)"
    return set(transaction.execute(query, {"messages": list(messages)}).scalars())


def unanswered(transaction: Transaction, before: datetime, served: Iterable[str]) -> list[Unanswered]:
    """Messages to these municipalities offered last before this moment, never answered, not taken back or corrected since."""
    rows = transaction.execute(_UNANSWERED, {"before": before, "served": list(served)})
    return [Unanswered(msgspec.json.decode(row.document, type=Notification), row.offers) for row in rows]


def unserved(transaction: Transaction, served: Iterable[str]) -> dict[str, int]:
    """How many letters wait for the answer of each municipality that is none of these."""
    return dict(transaction.execute(_UNSERVED, {"served": list(served)}).tuples().all())


def offered(transaction: Transaction, message_id: UUID) -> None:
    """Count another offer of a message."""
    transaction.execute(_OFFERED, {"message": message_id, "now": transaction.now})


def stopped(transaction: Transaction) -> bool:
    """Whether an operator, or a restore, holds all sending. Who is told no is waited for by whoever stops: also the first time,
    so the operator's row is made by who asks, where there is none yet.
    """
    transaction.execute(_BRAKE, {"name": SENDING})
    return any(transaction.execute("SELECT stopped FROM brake FOR SHARE").scalars().all())


def hold(transaction: Transaction) -> None:
    """Hold all sending until `reconcile` has found out what had left."""
    transaction.execute(_SET_BRAKE, {"name": RESTORED, "stop": True, "reason": RESTORED})


def held(transaction: Transaction) -> bool:
    """Whether a restore holds all sending."""
    query = "SELECT stopped FROM brake WHERE name = :name FOR SHARE"
    return bool(transaction.execute(query, {"name": RESTORED}).scalar_one_or_none())


def end_hold(transaction: Transaction) -> None:
    """What had left is known: end the hold of a restore."""
    transaction.execute("DELETE FROM brake WHERE name = :name", {"name": RESTORED})


def set_brake(transaction: Transaction, stop: bool, reason: str) -> None:
    """Hold sending, or let it go on as far as the operator is concerned."""
    transaction.execute(_SET_BRAKE, {"name": SENDING, "stop": stop, "reason": reason})
