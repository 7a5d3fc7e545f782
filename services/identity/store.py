"""Identity's tables. All clear personal data of the system but the extracts and the letters lie here.

`person`, `address`, `parent` and `custody` are the register as last loaded, replaced person by person; nothing refers to a row of
another table, because lines arrive in any order. `identity` leads from each number ever seen to the pseudonym that stands for
it *now*; `pseudonym` remembers those that a door has given out, with the number they were made for and the state that was told.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from services.runtime.tables import add_runtime_tables, ledger_view

metadata = MetaData()
add_runtime_tables(metadata)

CODE = Text(collation="C")
"""Numbers and codes: compared byte by byte, which is several times faster than by the rules of a language."""

Table(
    "person",
    metadata,
    Column("cpr", CODE, primary_key=True),
    Column("current_cpr", CODE),
    Column("name", Text, nullable=False),
    Column("status", CODE, nullable=False),
    Column("status_since", Date, nullable=False),
    Column("birth_date", Date, nullable=False),
    Column("sex", CODE, nullable=False),
    Column("protected", Boolean, nullable=False),
    Index(None, "current_cpr", postgresql_where=text("current_cpr IS NOT NULL")),
)
Table(
    "address",
    metadata,
    Column("cpr", CODE, nullable=False, index=True),
    Column("municipality", CODE, nullable=False),
    Column("home", CODE, index=True),  # household key: municipality/road code/house/floor/door
    Column("complete", Boolean, nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date, nullable=False),  # infinity: still
)
Table(
    "parent",
    metadata,
    Column("cpr", CODE, nullable=False, index=True),
    Column("parent", CODE, nullable=False, index=True),
    Column("kind", CODE, nullable=False),
)
Table(
    "custody",
    metadata,
    Column("cpr", CODE, nullable=False, index=True),
    Column("holder", CODE, nullable=False, index=True),
    Column("type", CODE, nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date, nullable=False),
)
Table(
    "institution",
    metadata,
    Column("home", CODE, nullable=False, index=True),  # without floor and door: the whole house
    Column("type", CODE, nullable=False),
)
Table(
    "identity",
    metadata,
    Column("kind", CODE, primary_key=True),
    Column("number", CODE, primary_key=True),
    Column("pseudonym", UUID, nullable=False, index=True),
    Column("borrowed", Boolean, nullable=False, server_default="false"),  # made for another number of the same person
)
Table(
    "pseudonym",
    metadata,
    Column("pseudonym", UUID, primary_key=True),
    Column("kind", CODE, nullable=False),
    Column("number", CODE, nullable=False),
    Column("canonical", UUID, nullable=False),
    Column("standing", CODE, CheckConstraint("standing IN ('identified', 'waiting', 'unidentifiable')"), nullable=False),
    Column("version", BigInteger, nullable=False, server_default="0"),  # of the alias that was published; 0: never
    Column("since", DateTime(timezone=True), nullable=False),
    Column("reason", Text),
    UniqueConstraint("kind", "number"),
    Index("ix_pseudonym_open", "standing", postgresql_where=text("standing <> 'identified'")),
)
Table(
    "link",
    metadata,
    Column("kind", CODE, primary_key=True),
    Column("number", CODE, primary_key=True),
    Column("cpr", CODE, nullable=False, index=True),
    Column("actor", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
Table(
    "register_file",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("manifest", Text, nullable=False),
    Column("manifest_digest", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("state", Text, CheckConstraint("state IN ('waiting', 'refused', 'reading', 'read')"), nullable=False),
    Column("reason", Text),
    Column("field", Text),
    Column("kind", Text),
    Column("version_at", DateTime(timezone=True)),
    Column("digest", Text),
    Column("data", Text),
    Column("data_fingerprint", Text),
    Column("rows", Integer, nullable=False, server_default="0"),
    Column("bytes_read", BigInteger, nullable=False, server_default="0"),
    Column("lines_read", BigInteger, nullable=False, server_default="0"),
    Column("loaded", BigInteger, nullable=False, server_default="0"),
    Column("added", BigInteger, nullable=False, server_default="0"),
    Column("quarantined", BigInteger, nullable=False, server_default="0"),
    Column("begun", Boolean, nullable=False, server_default="false"),  # whether a line of it was ever taken
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("read_at", DateTime(timezone=True)),
    UniqueConstraint("manifest", "manifest_digest"),
    Index("ix_register_file_taken", "sequence", unique=True, postgresql_where=text("state IN ('reading', 'read')")),
)
Table(
    "quarantine",
    metadata,
    Column("file", BigInteger, primary_key=True),
    Column("line", BigInteger, primary_key=True),
    Column("field", Text),
    Column("reason", Text, nullable=False),
)
Table(
    "touched",  # numbers whose group a file may have changed, until it is read to its end
    metadata,
    Column("kind", CODE, primary_key=True),
    Column("number", CODE, primary_key=True),
    Column("placed", Boolean, nullable=False, server_default="false"),
)

GRANTS = {
    **dict.fromkeys(("person", "address", "parent", "custody", "institution"), "SELECT, INSERT, DELETE"),
    "touched": "SELECT, INSERT, UPDATE, DELETE",
    "link": "SELECT, INSERT, DELETE",
    "quarantine": "SELECT, INSERT",
}
"""What the service's role may do where it is not reading, adding and changing. The register's rows are replaced whole."""

_REFUSED = """
    SELECT reason, seen_at FROM register_file AS f WHERE state = 'refused' AND NOT EXISTS (
        SELECT FROM register_file AS good
        WHERE good.state = 'read' AND good.sequence >= f.sequence AND good.read_at >= f.seen_at)
"""
"""What somebody must mend. A line of the list stays; it is mended once this number, or a later one, has been read since."""
LEDGER_VIEW = ledger_view(f"""
    SELECT NULL::text AS week, 'persons' AS measure, coalesce(sum(added), 0)::bigint AS amount FROM register_file
    UNION ALL SELECT NULL, 'pseudonyms_waiting', count(*)
        FROM pseudonym WHERE standing = 'waiting' AND canonical = pseudonym
    UNION ALL SELECT NULL, 'register_files_' || state, count(*) FROM register_file GROUP BY state
    UNION ALL SELECT NULL, 'register_lines_quarantined', coalesce(sum(quarantined), 0)::bigint FROM register_file
    UNION ALL SELECT NULL, 'refused:' || reason, count(*) FROM ({_REFUSED}) AS refused GROUP BY reason
    UNION ALL SELECT NULL, 'refused_since:' || reason, extract(epoch FROM min(seen_at))::bigint
        FROM ({_REFUSED}) AS refused GROUP BY reason
""")
GAUGES = """
    SELECT 'socialsog_identities_waiting', NULL, NULL, count(*)::float8
    FROM pseudonym WHERE standing = 'waiting' AND canonical = pseudonym
"""
