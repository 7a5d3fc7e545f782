"""Tables and queries of notification. Letters hold clear personal data: this schema is one of the declared rooms for it.

The database itself refuses to change a letter once approved, and to hold one whose digest is not that of its text.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.dialects.postgresql import UUID as Uuid

from events.case import CaseDraft
from events.evidence import EvidenceItem
from events.letter import EarlierLetter
from services.notification.domain.draft import STATES, Draft, LeftOut
from services.notification.domain.letter import Told
from services.runtime.tables import add_runtime_tables, ledger_view
from services.runtime.transaction import Transaction

metadata = MetaData()
add_runtime_tables(metadata)

DRAFT = Table(
    "draft",
    metadata,
    Column("draft_id", Uuid(as_uuid=True), primary_key=True),
    Column("case_id", Uuid(as_uuid=True), nullable=False, index=True),
    Column("case_version", Integer, nullable=False),
    Column("child", Uuid(as_uuid=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("week", Text, nullable=False),
    Column("asked", LargeBinary, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("decision_version", Integer, nullable=False),
    Column("letter_id", Uuid(as_uuid=True), nullable=False),
    Column("content", Text),
    Column("digest", Text, nullable=False),
    Column("municipality", Text),
    Column("protected", Boolean, nullable=False),
    Column("districts", ARRAY(Text), nullable=False),
    Column("left_out", LargeBinary, nullable=False),
    Column("actor", Text),
    Column("automatic", Boolean, nullable=False),
    Column("reason", Text),
    Column("decided_at", DateTime(timezone=True)),
    CheckConstraint(f"state IN ({', '.join(repr(state) for state in STATES)})", name="draft_state"),
    CheckConstraint("(content IS NULL) = (state IN ('composing', 'withdrawn'))", name="draft_has_text"),
    Index("draft_open", "state", postgresql_where="state IN ('composing', 'waiting', 'held')"),
)
LETTER = Table(
    "letter",
    metadata,
    Column("draft_id", Uuid(as_uuid=True), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("case_id", Uuid(as_uuid=True), nullable=False, index=True),
    Column("child", Uuid(as_uuid=True), nullable=False),
    Column("week", Text, nullable=False),
    Column("letter_id", Uuid(as_uuid=True), nullable=False, unique=True),
    Column("digest", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("told", LargeBinary, nullable=False),
    Column("told_ids", ARRAY(Uuid(as_uuid=True)), nullable=False),
    Column("actor", Text, nullable=False),
    Column("automatic", Boolean, nullable=False),
    Column("approved_at", DateTime(timezone=True), nullable=False),
    Index("letter_told", "told_ids", postgresql_using="gin"),
    CheckConstraint("digest = encode(sha256(convert_to(content, 'UTF8')), 'hex')", name="letter_digest"),
)
REVIEW = Table(
    "review",
    metadata,
    Column("draft_id", Uuid(as_uuid=True), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("reason", Text),
    Column("comment", Text),
    Column("evidence_id", Uuid(as_uuid=True)),
    Column("actor", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
FROZEN = """
    CREATE OR REPLACE FUNCTION letter_is_frozen() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''an approved letter never changes'' USING ERRCODE = ''integrity_constraint_violation''; END'
"""
FREEZE = "CREATE TRIGGER letter_frozen BEFORE UPDATE ON letter FOR EACH ROW EXECUTE FUNCTION letter_is_frozen()"


@event.listens_for(LETTER, "after_create")
def _freeze(_table: Table, connection: Connection, **_: Any) -> None:
    """Whoever makes the table makes its lock too."""
    for statement in (FROZEN, FREEZE):
        connection.execute(text(statement))


GRANTS = {"letter": "SELECT, INSERT", "review": "SELECT, INSERT"}
"""What was approved or typed is only ever added to."""
LEDGER_VIEW = ledger_view(
    """
    SELECT week, 'drafts' AS measure, count(*) AS amount FROM draft GROUP BY week
    UNION ALL SELECT week, 'drafts_' || state, count(*) FROM draft GROUP BY week, state
    UNION ALL SELECT week, 'approvals', count(*) FROM letter GROUP BY week
    UNION ALL SELECT week, 'automatic', count(*) FILTER (WHERE automatic) FROM letter GROUP BY week
    UNION ALL SELECT NULL, 'draft_since:' || state, extract(epoch FROM min(asked_at))::bigint
        FROM draft WHERE state IN ('composing', 'waiting', 'held') GROUP BY state
    """
)
GAUGES = """
    SELECT 'socialsog_drafts', state, NULL, count(*)::float8 FROM draft GROUP BY state
    UNION ALL SELECT 'socialsog_draft_oldest_timestamp_seconds', NULL, NULL, extract(epoch FROM min(asked_at))::float8
        FROM draft WHERE state IN ('composing', 'waiting', 'held')
"""


def _draft(row: Any) -> Draft:
    values = dict(row._mapping)
    del values["version"], values["week"]
    values["asked"] = msgspec.json.decode(bytes(row.asked), type=CaseDraft)
    values["left_out"] = msgspec.json.decode(bytes(row.left_out), type=list[LeftOut])
    return Draft(**values)


def _row(draft: Draft) -> dict[str, Any]:
    return msgspec.structs.asdict(draft) | {
        "version": draft.version,
        "week": draft.asked.week,
        "asked": msgspec.json.encode(draft.asked),
        "left_out": msgspec.json.encode(draft.left_out),
    }


def lock_cases(transaction: Transaction, cases: Iterable[UUID]) -> list[Draft]:
    """All drafts of these cases, locked."""
    statement = "SELECT * FROM draft WHERE case_id = ANY(:cases) ORDER BY draft_id FOR UPDATE"
    return [_draft(row) for row in transaction.execute(statement, {"cases": list(cases)})]


def load(transaction: Transaction, draft_id: UUID, *, lock: bool = False) -> Draft | None:
    """One draft."""
    statement = f"SELECT * FROM draft WHERE draft_id = :draft {'FOR UPDATE' if lock else ''}"
    row = transaction.execute(statement, {"draft": draft_id}).one_or_none()
    return _draft(row) if row else None


def in_districts(transaction: Transaction, districts: Sequence[str], states: Sequence[str]) -> list[Draft]:
    """Drafts of these districts in these states, the oldest first."""
    statement = """
        SELECT * FROM draft WHERE districts && CAST(:districts AS text[]) AND state = ANY(:states) ORDER BY asked_at, draft_id
    """
    return [_draft(row) for row in transaction.execute(statement, {"districts": list(districts), "states": list(states)})]


def save(transaction: Transaction, drafts: Sequence[Draft]) -> None:
    """Write the whole state of these drafts."""
    statement = insert(DRAFT)
    changing = {column.name: statement.excluded[column.name] for column in DRAFT.columns if not column.primary_key}
    if drafts:
        transaction.execute(
            statement.on_conflict_do_update(index_elements=["draft_id"], set_=changing), [_row(d) for d in drafts]
        )


def freeze(transaction: Transaction, draft: Draft) -> None:
    """Keep the approved text for ever, with what it told."""
    told = [*draft.included, *draft.asked.earlier]
    transaction.execute(
        insert(LETTER),
        {
            "draft_id": draft.draft_id,
            "version": draft.version,
            "case_id": draft.case_id,
            "child": draft.child,
            "week": draft.asked.week,
            "letter_id": draft.letter_id,
            "digest": draft.digest,
            "content": draft.content,
            "told": msgspec.json.encode(told),
            "told_ids": [item.evidence_id for item in told],
            "actor": draft.actor,
            "automatic": draft.automatic,
            "approved_at": draft.decided_at,
        },
    )


def note(transaction: Transaction, draft: Draft, action: str, actor: str, **values: Any) -> None:
    """Remember who did what with a draft, with the reason and the comment as typed."""
    given: dict[str, Any] = {"reason": None, "comment": None, "evidence_id": None} | values
    statement = """
        INSERT INTO review (draft_id, number, version, digest, action, reason, comment, evidence_id, actor, at)
        SELECT :draft, coalesce(max(number), 0) + 1, :version, :digest, :action, CAST(:reason AS text), CAST(:comment AS text),
            CAST(:evidence_id AS uuid), :actor, :at FROM review WHERE draft_id = :draft
    """
    own = {"draft": draft.draft_id, "version": draft.version, "digest": draft.digest, "action": action, "actor": actor}
    transaction.execute(statement, own | {"at": transaction.now} | given)


def was_approved(transaction: Transaction, draft_id: UUID) -> bool:
    """Whether any version of this draft was ever approved."""
    return transaction.execute("SELECT FROM letter WHERE draft_id = :draft LIMIT 1", {"draft": draft_id}).first() is not None


def frozen(transaction: Transaction, draft_id: UUID, version: int) -> Any | None:
    """The approved letter of this version: digest, content, case_id, child, week."""
    statement = "SELECT digest, content, case_id, child, week FROM letter WHERE draft_id = :draft AND version = :version"
    return transaction.execute(statement, {"draft": draft_id, "version": version}).one_or_none()


def told_before(transaction: Transaction, draft: Draft) -> Told:
    """What the municipality was told, by deduplication's account of what was really sent, with the dates of those letters."""
    asked = draft.asked
    if asked.kind != "first" and not asked.letters:
        return _told_by_our_letters(transaction, draft)
    values = {"drafts": [each.draft_id for each in asked.letters], "versions": [each.version for each in asked.letters]}
    rows = transaction.execute(_LETTERS, values).scalars()
    letters = [msgspec.json.decode(content, type=_Dated) for content in rows]
    return Told({item.evidence_id: item for item in asked.told}, [EarlierLetter(each.letter_id, each.dated) for each in letters])


def _told_by_our_letters(transaction: Transaction, draft: Draft) -> Told:
    """The same where a version before this one has asked, which named no letters and looked itself: of each draft the last
    approved. The case's own letters come first; another's tell only of what they do not, as when two were one child's.
    """
    wanted = {item.evidence_id for item in (*draft.asked.earlier, *draft.asked.changed)}
    rows = transaction.execute(_APPROVED, {"draft": draft.draft_id, "case": draft.case_id, "wanted": list(wanted)}).all()
    items: dict[UUID, EvidenceItem] = {}
    for row in rows:
        items |= {item.evidence_id: item for item in msgspec.json.decode(bytes(row.told), type=list[EvidenceItem])}
    letters = [msgspec.json.decode(row.content, type=_Dated) for row in rows if row.own]
    return Told(items, [EarlierLetter(each.letter_id, each.dated) for each in letters])


_LETTERS = """
    SELECT content FROM letter JOIN unnest(CAST(:drafts AS uuid[]), CAST(:versions AS bigint[])) AS told (draft_id, version)
        USING (draft_id, version) ORDER BY approved_at, letter_id
"""
_APPROVED = """
    SELECT own, content, told FROM (
        SELECT DISTINCT ON (draft_id) case_id = :case AS own, approved_at, letter_id, content, told FROM letter
        WHERE draft_id <> :draft AND told_ids && CAST(:wanted AS uuid[]) ORDER BY draft_id, version DESC
    ) AS last ORDER BY own, approved_at, letter_id
"""


class _Dated(EarlierLetter, frozen=True):
    """Only id and date of a letter bundle."""


SUMMARY = """
    SELECT week, state, districts, count(*) AS drafts, min(asked_at) AS oldest FROM draft GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
