"""The tables that every service has beside its own, in its own schema.

`outbox` rows are numbered gapless per (topic, partition) under the row lock of `outbox_position`, which is held until commit:
so the order of numbers is the order of commits, and the relay needs only a cursor. `received` keeps the numbers that a
consumer has handled as a multirange: a few bytes however many, proof against repeating and reordering.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, UUID

ONLY_ADDED_TO = "ALTER TABLE outbox SET (autovacuum_vacuum_insert_threshold = -1)"
"""Rows of the outbox are never changed and are found by their key: nothing needs tidying up because many were added. PostgreSQL
spent 282 seconds of a load of the country (24 minutes) on doing so all the same."""


def _only_added_to(outbox: Table, connection: Connection, **options: object) -> None:
    connection.exec_driver_sql(ONLY_ADDED_TO)


def add_runtime_tables(metadata: MetaData) -> None:
    """Declare the runtime's tables in a service's metadata (tables carry no schema; the role's search path does)."""
    outbox = Table(
        "outbox",
        metadata,
        Column("topic", Text, primary_key=True),
        Column("partition", SmallInteger, primary_key=True),
        Column("position", BigInteger, primary_key=True),
        Column("key", Text, nullable=False),
        Column("payload", LargeBinary, nullable=False),
    )
    event.listen(outbox, "after_create", _only_added_to)
    Table(
        "outbox_position",
        metadata,
        Column("topic", Text, primary_key=True),
        Column("partition", SmallInteger, primary_key=True),
        Column("last", BigInteger, nullable=False),
        Column("published", BigInteger, nullable=False, server_default="0"),
    )
    Table(
        "publication",
        metadata,
        Column("cluster", Text, primary_key=True),
        Column("topic", Text, primary_key=True),
        Column("partition", SmallInteger, primary_key=True),
        Column("last_position", BigInteger, primary_key=True),
        Column("first_position", BigInteger, nullable=False),
        Column("last_offset", BigInteger, nullable=False),
    )
    Table(
        "offsets",
        metadata,
        Column("cluster", Text, primary_key=True),
        Column("topic", Text, primary_key=True),
        Column("partition", SmallInteger, primary_key=True),
        Column("next_offset", BigInteger, nullable=False),
        Column("leader_epoch", Integer, nullable=False, server_default="-1"),
        Column("attempts", Integer, nullable=False, server_default="0"),
    )
    Table(
        "received",
        metadata,
        Column("topic", Text, primary_key=True),
        Column("partition", SmallInteger, primary_key=True),
        Column("seen", INT8MULTIRANGE, nullable=False),
        Column("stale", BigInteger, nullable=False, server_default="0"),
    )
    Table(
        "applied",
        metadata,
        Column("topic", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("version", BigInteger, nullable=False),
    )
    Table(
        "dead_letter",
        metadata,
        Column("id", BigInteger, primary_key=True, autoincrement=True),
        Column("origin", Text, nullable=False),
        Column("topic", Text),
        Column("partition", SmallInteger),
        Column("kafka_offset", BigInteger),
        Column("position", BigInteger),
        Column("key", Text),
        Column("payload", LargeBinary),
        Column("reason", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("redriven_at", DateTime(timezone=True)),
        # What comes again is the same dead letter; its position cannot say so, for a broken message may have none.
        Index("dead_letter_once", "topic", "partition", text("sha256(payload)"), unique=True),
    )
    Table(
        "lease",
        metadata,
        Column("name", Text, primary_key=True),
        Column("holder", UUID, nullable=False),
        Column("fence", BigInteger, nullable=False),
        Column("expires_at", DateTime(timezone=True), nullable=False),
        Column("clock_ms", BigInteger),  # how far the holder's machine clock was ahead of the database's
    )
    Table(
        "work",
        metadata,
        Column("id", BigInteger, primary_key=True, autoincrement=True),
        Column("kind", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("lane", Text, nullable=False, server_default=""),
        Column("payload", LargeBinary, nullable=False),
        Column("revision", BigInteger, nullable=False, server_default="1"),
        Column("claimed", Boolean, nullable=False, server_default="false"),
        Column("crashes", Integer, nullable=False, server_default="0"),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("next_attempt_at", DateTime(timezone=True), nullable=False),
        Column("last_error", Text),
        UniqueConstraint("kind", "key"),
        Index(None, "next_attempt_at"),
    )


GRANTS = {
    "outbox": "SELECT, INSERT",  # what was said stays said
    "publication": "SELECT, INSERT, UPDATE, DELETE",
    "work": "SELECT, INSERT, UPDATE, DELETE",
}
"""What a service's role may do with these tables, where it is not reading, adding and changing (see `deploy.provision`)."""

HANDOVER = """
    SELECT NULL::text AS week, 'out:' || topic AS measure, sum(last)::bigint AS amount FROM outbox_position GROUP BY topic
    UNION ALL SELECT NULL, 'published:' || topic, sum(published)::bigint FROM outbox_position GROUP BY topic
    UNION ALL SELECT NULL, 'in:' || topic,
        sum((SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(seen) AS r))::bigint FROM received GROUP BY topic
    UNION ALL SELECT NULL, 'dead:' || d.topic, count(DISTINCT (d.partition, d.position))::bigint
        FROM dead_letter d LEFT JOIN received r ON r.topic = d.topic AND r.partition = d.partition
        WHERE d.redriven_at IS NULL AND d.position > 0 AND NOT coalesce(r.seen @> d.position, false) GROUP BY d.topic
    UNION ALL SELECT NULL, 'set_aside:' || coalesce(topic, origin), count(*)::bigint
        FROM dead_letter WHERE redriven_at IS NULL GROUP BY 1, 2
    UNION ALL SELECT NULL, 'work:' || kind, count(*)::bigint FROM work GROUP BY kind
    UNION ALL SELECT NULL, 'dead_since:' || coalesce(topic, origin), extract(epoch FROM min(created_at))::bigint
        FROM dead_letter WHERE redriven_at IS NULL GROUP BY 1, 2
    UNION ALL SELECT NULL, 'behind:' || topic || '/' || partition, published FROM outbox_position WHERE published < last
    UNION ALL SELECT NULL, 'clock_ms:' || name, clock_ms FROM lease WHERE name = 'relay' AND clock_ms IS NOT NULL
"""
"""What left and what arrived. `dead` counts facts that were set aside instead of handled; `set_aside` all that waits for an
operator, also what no outbox ever held (a foreign or broken message) and what came again after it had been handled. The rest is
what the alarms need of every service: weekless measures `name:label`, read often and therefore cheap. Moments are seconds since
1970, so that every measure is a number.
"""


def ledger_view(body: str) -> str:
    """Body of a schema's `ledger` view: rows (week, measure, amount) of the service plus its hand-overs."""
    return f"{body} UNION ALL {HANDOVER}" if body else HANDOVER
