"""Deduplication's tables. A case is one document; beside it only what queries need."""

from sqlalchemy import BigInteger, Column, DateTime, Index, LargeBinary, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from services.runtime.tables import add_runtime_tables, ledger_view

metadata = MetaData()
add_runtime_tables(metadata)

Table(
    "person",
    metadata,
    Column("pseudonym", UUID, primary_key=True),
    Column("canonical", UUID, nullable=False),
    Column("version", BigInteger, nullable=False, comment="of the alias event; 0 where none was met"),
)
Table(
    "cases",
    metadata,
    Column("case_id", UUID, primary_key=True),
    Column("child", UUID, nullable=False, unique=True, comment="the pseudonym that it was opened with"),
    Column("person", UUID, nullable=False, comment="whose pseudonym that is now"),
    Column("state", LargeBinary, nullable=False, comment="JSON of domain.facts.CaseState"),
    Index(None, "person"),
)
Table(
    "evidence",
    metadata,
    Column("evidence_id", UUID, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("merged_into", UUID),
    Column("week", Text, nullable=False, comment="ISO week that brought this version"),
    Column("person", UUID, nullable=False),
    Column("item", LargeBinary, nullable=False, comment="JSON of events.evidence.EvidenceItem"),
    Index(None, "person"),
)
Table(
    "case_evidence",
    metadata,
    Column("evidence_id", UUID, primary_key=True),
    Column("case_id", UUID, primary_key=True),
    Column("state", Text, nullable=False, server_default="free", comment="told-state, for operators and tests"),
    Index(None, "case_id"),
)
Table(
    "candidate",
    metadata,
    Column("candidate_id", UUID, primary_key=True),
    Column("case_id", UUID, nullable=False),
    Column("week", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Index(None, "week"),
)
Table(
    "draft",
    metadata,
    Column("draft_id", UUID, primary_key=True),
    Column("case_id", UUID, nullable=False),
    Column("week", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Index(None, "week"),
)
Table(
    "run",
    metadata,
    Column("week", Text, primary_key=True),
    Column("run_id", UUID, nullable=False),
    Column("found_at", DateTime(timezone=True), nullable=False),
)

LEDGER_VIEW = ledger_view(
    """
    SELECT week, 'candidates' AS measure, count(*)::bigint AS amount FROM candidate GROUP BY week
    UNION ALL SELECT week, 'candidates_' || outcome, count(*)::bigint FROM candidate GROUP BY week, outcome
    UNION ALL SELECT week, 'drafts_asked', count(*)::bigint FROM draft GROUP BY week
    """
)
