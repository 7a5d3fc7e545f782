"""Intake's tables and named queries. Nothing in them is clear personal data: keys, contents and places are keyed hashes.

`arrival` is the inbox as last looked at; `extract` is what was accepted, with the place up to which it has been read, moved in
the transaction of each batch's effects; so a killed intake goes on where the database stands, losing and doubling nothing.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import UUID

from services.runtime.tables import add_runtime_tables, ledger_view

FATES = ("new", "corrected", "withdrawn", "repeated", "stale", "quarantined")
"""What can become of a row; each extract counts them in columns `rows_<fate>`."""

metadata = MetaData()
add_runtime_tables(metadata)

Table(
    "arrival",
    metadata,
    Column("name", Text, primary_key=True),  # what the manifest's name begins with = extract id
    Column("fingerprint", Text, nullable=False),
    Column("state", Text, CheckConstraint("state IN ('queued', 'waiting', 'refused', 'accepted')"), nullable=False),
    Column("reason", Text),
    Column("field", Text),
    Column("district", Text),
    Column("sequence", Integer),
    Column("covers_until", DateTime(timezone=True)),
    Column("week", Text),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("repeats", Integer, nullable=False, server_default="0"),
    CheckConstraint("(state = 'refused') = (reason IS NOT NULL)"),
)
Table(
    "extract",
    metadata,
    Column("extract_id", Text, primary_key=True),
    Column("district", Text, nullable=False),
    Column("sequence", Integer, CheckConstraint("sequence >= 1"), nullable=False),
    Column("covers_until", DateTime(timezone=True), nullable=False),
    Column("week", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("file", Text),
    Column("media_type", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("state", Text, CheckConstraint("state IN ('reading', 'read')"), nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("lines_done", BigInteger, nullable=False),
    Column("rows_done", Integer, nullable=False, server_default="0"),
    *(Column(f"rows_{fate}", Integer, nullable=False, server_default="0") for fate in FATES),
    Column("accepted_at", DateTime(timezone=True), nullable=False),
    Column("read_at", DateTime(timezone=True)),
    UniqueConstraint("district", "sequence"),
    CheckConstraint("rows_done = " + " + ".join(f"rows_{fate}" for fate in FATES)),
    CheckConstraint("rows_done <= rows AND (state = 'reading' OR rows_done = rows)"),
)
Table(
    "record",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("record_id", UUID, nullable=False),
    Column("version", Integer, nullable=False),  # 0: named as superseded, not delivered yet
    Column("revision", Integer),
    Column("withdrawn", Boolean),
    Column("content", LargeBinary),
    CheckConstraint("(version = 0) = (revision IS NULL)"),
)
Table(
    "quarantine",
    metadata,
    Column("extract_id", Text, ForeignKey("extract.extract_id"), primary_key=True),
    Column("line", BigInteger, primary_key=True),
    Column("file", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("field", Text),
    Column("reason", Text, nullable=False),
    Index(None, "reason"),
)

Table(
    "key_ring",  # one row: which ring of keys `record` is hashed under
    metadata,
    Column("id", SmallInteger, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("fingerprint", Text, nullable=False),
)

GRANTS = {
    "arrival": "SELECT, INSERT, UPDATE, DELETE",
    "quarantine": "SELECT, INSERT",
}
"""What the service's role may do where it is not reading, adding and changing. An arrival may be taken away again."""

LEDGER_VIEW = ledger_view(
    """
    SELECT week, measure, sum(amount)::bigint AS amount FROM (
        SELECT week, counted.measure, counted.amount FROM extract CROSS JOIN LATERAL (VALUES
            ('rows', rows_done), ('rows_new', rows_new), ('rows_corrected', rows_corrected),
            ('rows_withdrawn', rows_withdrawn), ('rows_repeated', rows_repeated), ('rows_stale', rows_stale),
            ('rows_quarantined', rows_quarantined), ('extracts', (state = 'read')::int)) AS counted (measure, amount)
        UNION ALL SELECT week, 'extracts_refused', 1 FROM arrival WHERE state = 'refused'
    ) AS each GROUP BY week, measure
    UNION ALL SELECT NULL, 'rows:' || week, sum(rows_done)::bigint FROM extract GROUP BY week
    UNION ALL SELECT NULL, 'refused:' || reason, count(*) FROM arrival WHERE reason <> 'sequence_gap' GROUP BY reason
    UNION ALL SELECT NULL, 'refused_since:' || reason, extract(epoch FROM min(seen_at))::bigint
        FROM arrival WHERE reason <> 'sequence_gap' GROUP BY reason"""
)
"""`refused` is what somebody must mend; what is refused for a gap goes on by itself when that is filled."""
GAUGES = """
    SELECT 'socialsog_extracts', state, NULL, count(*)::float8 FROM arrival GROUP BY state
    UNION ALL SELECT 'socialsog_covered_timestamp_seconds', district, NULL, extract(epoch FROM max(covers_until))::float8
        FROM extract WHERE state = 'read' GROUP BY district
"""

KNOWN = "SELECT name, fingerprint, state FROM arrival"
ARRIVED = """
    INSERT INTO arrival (name, fingerprint, state, seen_at) VALUES (:name, :fingerprint, 'queued', :now)
    ON CONFLICT (name) DO UPDATE SET fingerprint = excluded.fingerprint, state = 'queued', reason = NULL, field = NULL,
        seen_at = excluded.seen_at
"""
FORGET = "DELETE FROM arrival WHERE name = ANY(CAST(:names AS text[]))"
LOOKED_AT = "UPDATE arrival SET fingerprint = :fingerprint WHERE name = :name"
STILL_ACCEPTED = "UPDATE arrival SET state = 'accepted', reason = NULL, field = NULL WHERE name = :name AND state <> 'accepted'"
DECIDED = """
    UPDATE arrival SET state = :state, reason = :reason, field = :field, district = :district, sequence = :sequence,
        covers_until = :covers_until, week = :week, repeats = repeats + :repeats WHERE name = :name
"""
READY = """
    UPDATE arrival SET state = 'queued', reason = NULL, field = NULL
    WHERE (state = 'waiting' OR reason = 'sequence_gap')
        AND EXISTS (SELECT FROM extract AS before WHERE before.district = arrival.district
            AND before.sequence = arrival.sequence - 1 AND before.state = 'read')
    RETURNING name, district
"""
"""What waited for the extract before it, which has been read by now."""

SITUATION = """
    SELECT sequence, sha256, covers_until, state = 'read' AS read FROM extract
    WHERE district = :district AND sequence BETWEEN :sequence - 1 AND :sequence
"""
ACCEPT = """
    INSERT INTO extract (extract_id, district, sequence, covers_until, week, sha256, file, media_type, rows, state, fingerprint,
        next_offset, lines_done, accepted_at)
    VALUES (:extract_id, :district, :sequence, :covers_until, :week, :sha256, :file, :media_type, :rows, 'reading', :fingerprint,
        :offset, :line, :now)
"""
PROGRESS = """
    SELECT extract_id, district, sequence, covers_until, week, sha256, file, media_type, rows, fingerprint, next_offset,
        lines_done, rows_done, rows_new, rows_corrected, rows_withdrawn, rows_repeated, rows_stale, rows_quarantined
    FROM extract WHERE extract_id = :extract_id
"""
ADVANCE = """
    UPDATE extract SET next_offset = :offset, lines_done = :line, rows_done = rows_done + :rows, rows_new = rows_new + :new,
        rows_corrected = rows_corrected + :corrected, rows_withdrawn = rows_withdrawn + :withdrawn,
        rows_repeated = rows_repeated + :repeated, rows_stale = rows_stale + :stale,
        rows_quarantined = rows_quarantined + :quarantined
    WHERE extract_id = :extract_id AND next_offset = :expected AND state = 'reading'
"""
REVERIFIED = "UPDATE extract SET fingerprint = :fingerprint WHERE extract_id = :extract_id"
FINISH = "UPDATE extract SET state = 'read', read_at = :now WHERE extract_id = :extract_id AND state = 'reading'"
THROUGH = "SELECT partition, last FROM outbox_position WHERE topic = :topic"
REASONS = "SELECT reason, count(*) AS amount FROM quarantine WHERE extract_id = :extract_id GROUP BY reason ORDER BY reason"

LIST_EXTRACTS = """
    SELECT coalesce(name, extract_id) AS extract_id, coalesce(extract.district, arrival.district) AS district,
        coalesce(extract.sequence, arrival.sequence) AS sequence,
        coalesce(extract.covers_until, arrival.covers_until) AS covers_until, coalesce(extract.week, arrival.week) AS week,
        CASE WHEN coalesce(arrival.state, 'accepted') = 'accepted' THEN extract.state ELSE arrival.state END AS state,
        reason, field, coalesce(file, name || '.manifest.json') AS file, rows,
        coalesce(rows_done, 0) AS rows_done, coalesce(rows_new, 0) AS new,
        coalesce(rows_corrected, 0) AS corrected, coalesce(rows_withdrawn, 0) AS withdrawn,
        coalesce(rows_repeated, 0) AS repeated, coalesce(rows_stale, 0) AS stale,
        coalesce(rows_quarantined, 0) AS quarantined, coalesce(repeats, 0) AS repeats, seen_at, read_at
    FROM arrival FULL JOIN extract ON extract_id = name ORDER BY 1
"""
LIST_QUARANTINE = """
    SELECT extract_id, file, sha256, line, field, reason FROM quarantine
    WHERE (CAST(:extract_id AS text) IS NULL OR extract_id = :extract_id) AND line > :after
    ORDER BY extract_id, line LIMIT :limit
"""
