"""Tables of screening, and its part of the ledger.

`record` keeps what intake said, for ever with the pseudonym it was written with. `evidence` is derived from records and
aliases and can be built anew from them. `fate` says which run first met a record and what became of it there.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from services.runtime.tables import add_runtime_tables, ledger_view
from services.screening.domain.brakes import USUAL_RUNS
from services.screening.domain.verdicts import OUTCOMES

metadata = MetaData()
add_runtime_tables(metadata)


def _facts() -> list[Column[object]]:
    """What can be told of an event; the same in a record and in the evidence it speaks for."""
    return [
        Column("person", UUID, nullable=False, index=True),
        Column("standing", Text, nullable=False),
        Column("district", Text, nullable=False),
        Column("registered_at", DateTime(timezone=True), nullable=False),
        Column("occurred_on", Date, nullable=False),
        Column("code", Text, nullable=False),
        Column("code_scheme", Text, nullable=False),
        Column("role", Text, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("child_present", Boolean, nullable=False),
    ]


Table(
    "record",
    metadata,
    Column("record_id", UUID, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("extract_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("supersedes", UUID),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("place", Text),
    Column("evidence_id", UUID, nullable=False),
    *_facts(),
    Index("record_supersedes", "supersedes", postgresql_where=text("supersedes IS NOT NULL")),
    Index("record_grouped", "evidence_id", postgresql_where=text("evidence_id <> record_id")),
)
Table(
    "alias",
    metadata,
    Column("pseudonym", UUID, primary_key=True),
    Column("canonical", UUID, nullable=False),
    Column("standing", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
)
Table(
    "extract",
    metadata,
    Column("district", Text, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("covers_until", DateTime(timezone=True), nullable=False),
    Column("through", ARRAY(BigInteger), nullable=False),
)
# `state` is a digest of all facts as they are now, `covered_state` of those that a run has covered: what differs is fresh.
# `touched`: some record is new since the last run. `announced`: the version last published, 0 before the first candidate.
Table(
    "evidence",
    metadata,
    Column("evidence_id", UUID, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("tip", UUID, nullable=False),
    *_facts(),
    Column("state", UUID, nullable=False),
    Column("merged_into", UUID),
    Column("touched", Boolean, nullable=False, server_default="true"),
    Column("covered_by", UUID),
    Column("covered_state", UUID),
    Column("covered_person", UUID),
    Column("announced", BigInteger, nullable=False, server_default="0"),
    Index("evidence_touched", "evidence_id", postgresql_where=text("touched")),
    Index("evidence_merged", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
)
Table(
    "fate",
    metadata,
    Column("record_id", UUID, primary_key=True),
    Column("run_id", UUID, nullable=False),
    Column("fate", Text, nullable=False),
)
Table(
    "run",
    metadata,
    Column("run_id", UUID, primary_key=True),
    Column("week", Text, nullable=False, unique=True),
    Column("version", SmallInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("catalogue", Text, nullable=False),
    Column("catalogue_digest", Text, nullable=False),
    Column("register_version", BigInteger, nullable=False),
    Column("alias_version", BigInteger, nullable=False),
    Column("missing_districts", ARRAY(Text), nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("evidence", Integer, nullable=False),
    Column("brake_reasons", ARRAY(Text), nullable=False),
    Column("released_by", Text),
    Column("released_at", DateTime(timezone=True)),
)
Table(
    "run_adult",
    metadata,
    Column("run_id", UUID, primary_key=True),
    Column("person", UUID, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
Table(
    "candidate",
    metadata,
    Column("candidate_id", UUID, primary_key=True),
    Column("run_id", UUID, nullable=False, index=True),
    Column("child", UUID, nullable=False),
    Column("district", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)
Table(
    "catalogue_approval",
    metadata,
    Column("catalogue_id", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("approved_by", Text, nullable=False),
    Column("approved_at", DateTime(timezone=True), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

# What the scheduler repeats: `runs` and `alarms`, when last done (real time), how long it took.
Table(
    "look",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("took_ms", BigInteger, nullable=False),
)
# An alarm keeps its row when it is cleared; raised again it is a new one. Business time, except `seen_at` (the last look, real).
Table(
    "alarm",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
    Column("raised_at", DateTime(timezone=True), nullable=False),
    Column("escalated_at", DateTime(timezone=True)),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("cleared_at", DateTime(timezone=True)),
    Index("alarm_open", "kind", "subject", unique=True, postgresql_where=text("cleared_at IS NULL")),
)
Table(
    "stall",
    metadata,
    Column("place", Text, primary_key=True),
    Column("published", BigInteger, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
)

FATES = ("in_evidence", "not_counted", "waiting", "unidentifiable", "superseded", "withdrawn")
"""What becomes of a record in a run; the ledger's parts of `records`."""

# A record that waits stays with the run that met it first, until a later run covers it. That nobody will ever be found is known
# before that: its evidence says so.
_FATE = """
    SELECT run_id, CASE WHEN f.fate = 'waiting' AND 'unidentifiable' = (
        SELECT e.standing FROM record r JOIN evidence e USING (evidence_id) WHERE r.record_id = f.record_id
    ) THEN 'unidentifiable' ELSE f.fate END AS part FROM fate f
"""


def _parts(whole: str, names: tuple[str, ...], rows: str) -> str:
    """A whole and its named parts per run, zeros included; `rows` selects (run_id, part)."""
    listed = ", ".join(f"'{name}'" for name in names)
    return f"""
        SELECT r.week, '{whole}_' || p.part, coalesce(c.amount, 0)::bigint
        FROM run r CROSS JOIN unnest(ARRAY[{listed}]) AS p (part)
        LEFT JOIN (SELECT run_id, part, count(*) AS amount FROM ({rows}) AS rows GROUP BY 1, 2) AS c USING (run_id, part)
        UNION ALL SELECT r.week, '{whole}', coalesce(c.amount, 0)::bigint
        FROM run r LEFT JOIN (SELECT run_id, count(*) AS amount FROM ({rows}) AS rows GROUP BY 1) AS c USING (run_id)
    """


GRANTS = {
    **dict.fromkeys(("run_adult", "candidate", "catalogue_approval"), "SELECT, INSERT"),
    "stall": "SELECT, INSERT, DELETE",
}
"""What the service's role may do where it is not reading, adding and changing. What a run found and what was approved stays."""

LEDGER_VIEW = ledger_view(f"""
    SELECT week, measure, amount FROM ({_parts("records", FATES, _FATE)}) AS records (week, measure, amount)
    UNION ALL {_parts("adults", OUTCOMES, "SELECT run_id, outcome AS part FROM run_adult")}
    UNION ALL SELECT week, 'candidates', (SELECT count(*) FROM candidate c WHERE c.run_id = r.run_id) FROM run r
    UNION ALL SELECT week, 'run_' || status, 1 FROM run
    UNION ALL SELECT week, 'catalogue:' || catalogue, 1 FROM run
    UNION ALL SELECT week, 'missing:' || district, 1 FROM run CROSS JOIN unnest(missing_districts) AS district
    UNION ALL SELECT NULL, 'candidates:' || r.week, (SELECT count(*) FROM candidate c WHERE c.run_id = r.run_id)
        FROM (SELECT run_id, week FROM run ORDER BY week DESC LIMIT {USUAL_RUNS + 1}) AS r
    UNION ALL SELECT NULL, 'braked:' || week, extract(epoch FROM started_at)::bigint FROM run WHERE status = 'braked'
    UNION ALL SELECT NULL, 'covers:' || district, extract(epoch FROM max(covers_until))::bigint FROM (
        SELECT district, sequence, covers_until, row_number() OVER (PARTITION BY district ORDER BY sequence) AS place FROM extract
    ) AS ordered WHERE sequence = place GROUP BY district
    UNION ALL SELECT NULL, 'looked:' || name, extract(epoch FROM at)::bigint FROM look
""")
GAUGES = """
    SELECT 'socialsog_runs', status, NULL, count(*)::float8 FROM run GROUP BY status
    UNION ALL SELECT 'socialsog_run_timestamp_seconds', NULL, NULL, extract(epoch FROM max(started_at))::float8 FROM run
    UNION ALL SELECT 'socialsog_run_candidates', NULL, NULL, count(*)::float8
        FROM candidate JOIN run USING (run_id) WHERE week = (SELECT max(week) FROM run)
    UNION ALL SELECT 'socialsog_looked_timestamp_seconds', name, NULL, extract(epoch FROM at)::float8 FROM look
    UNION ALL SELECT 'socialsog_alarm', kind, level, count(*)::float8 FROM alarm WHERE cleared_at IS NULL GROUP BY kind, level
"""
