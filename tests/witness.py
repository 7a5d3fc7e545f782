"""Collects the `History` of a system from its databases, as administrator, and from what the municipal case systems hold.

The system should be quiet: what is on its way counts as lost. Versions applied are seen from one collecting to the next, so a
witness that is kept also sees whether any of them ever falls.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from events.topics import CASE, DECISION, DOMAIN_SERVICES, RECORD, declared
from tests.history import Effect, Fact, History, Place, Ranges, Reader

Rows = Callable[[str], list[tuple[Any, ...]]]
"""Reads as administrator; `{ns}` in the query stands for the prefix of schemas."""

_OUTBOX = """
    SELECT topic, partition, position, key, (convert_from(payload, 'UTF8')::jsonb ->> 'aggregateversion')::bigint
    FROM {{ns}}{0}.outbox ORDER BY topic, partition, position
"""
_HANDLED = "SELECT topic, partition, lower(r), upper(r) FROM {{ns}}{0}.received, unnest(seen) AS r"
_DEAD = """
    SELECT d.topic, d.partition, d.position FROM {{ns}}{0}.dead_letter d
    LEFT JOIN {{ns}}{0}.received r ON r.topic = d.topic AND r.partition = d.partition
    WHERE d.redriven_at IS NULL AND d.position > 0 AND NOT coalesce(r.seen @> d.position, false)
"""
_APPLIED = "SELECT topic, key, version FROM {{ns}}{0}.applied"
_RECORDS = "SELECT record_id, version FROM {ns}screening.record"

# Two letters that say the same to the same municipality are one too many, whatever their ids.
_LETTERS = """
    SELECT l.child, d.week, d.municipality, d.corrects, md5(l.told) FROM {ns}delivery.delivery d
    JOIN {ns}notification.letter l ON l.draft_id = d.draft_id AND l.version = d.draft_version
    WHERE d.message_id IS NOT NULL AND d.state NOT IN ('failed', 'refused')
"""
_ONCE = {
    "run of week": "SELECT week FROM {ns}screening.run",
    "candidate": "SELECT run_id, child FROM {ns}screening.candidate",
    "case of child": "SELECT child FROM {ns}deduplication.cases",
    "letter of draft": "SELECT draft_id, draft_version FROM {ns}delivery.delivery WHERE message_id IS NOT NULL",
    "message": "SELECT message_id FROM {ns}delivery.message",
    "letter": _LETTERS,
    "record of row": "SELECT record_id FROM {ns}screening.record",
}
_DONE = {
    "run": "SELECT run_id FROM {ns}screening.run",
    "sending": "SELECT notification_id FROM {ns}delivery.delivery WHERE message_id IS NOT NULL",
    "receipt": (
        "SELECT d.notification_id, convert_from(r.document, 'UTF8')::jsonb ->> 'status' "
        "FROM {ns}delivery.receipt r JOIN {ns}delivery.delivery d USING (message_id)"
    ),
    "approval": "SELECT case_id, version FROM {ns}notification.letter",
    "row": "SELECT extract_id FROM {ns}intake.extract, generate_series(1, rows)",
}
_ENTRY = "FROM {ns}audit.log WHERE entry ->> 'action'"
_AUDITED = {
    "run": f"SELECT run_id {_ENTRY} = 'weekly_run'",
    "sending": f"SELECT entry -> 'detail' ->> 'notification' {_ENTRY} = 'notification_sent'",
    "receipt": f"SELECT entry -> 'detail' ->> 'notification', substr(entry ->> 'action', 9) {_ENTRY} LIKE 'receipt\\_%'",
    "approval": f"SELECT case_id, entry -> 'detail' ->> 'version' {_ENTRY} = 'draft_approved'",
    "row": (
        "SELECT entry -> 'detail' ->> 'extract' FROM {ns}audit.log, "
        "generate_series(1, (entry -> 'detail' ->> 'rows')::int) WHERE entry ->> 'action' = 'rows_read'"
    ),
}
_WRITTEN = "SELECT '{0}', position FROM {{ns}}{0}.outbox WHERE topic = 'audit.{0}.v1'"
_SEALED = "SELECT source, number FROM {ns}audit.log"
"""Every entry that a service wrote is in the log, whatever it is about."""
EFFECTS = frozenset(_ONCE) | frozenset(_DONE) | {"entry"}
"""Every kind of effect; after a week there is something of each."""
ITS_OWN_WAY = frozenset({("delivery", DECISION.name), ("notification", CASE.name), ("deduplication", DECISION.name)})
"""Readers that keep what they apply otherwise than by aggregate and version, besides those of audit entries."""
_SENT = "SELECT message_id FROM {ns}delivery.delivery WHERE message_id IS NOT NULL"


class Witness:
    """Sees one system, again and again."""

    def __init__(self, rows: Rows, arrived: Callable[[], Iterable[object]]) -> None:
        self._rows = rows
        self._arrived = arrived
        self._applied: dict[tuple[Reader, str], list[int]] = defaultdict(list)

    def history(self) -> History:
        """What there is to know now."""
        accepted = self._accepted()
        self._see_applied(accepted)
        readers = {topic.name: set(topic.readers) & set(DOMAIN_SERVICES) for topic in declared(())}
        wanted = {Reader(service, place) for place in accepted for service in readers.get(place.topic, ())}
        handled = self._handled()
        return History(
            accepted=accepted,
            handled={reader: handled.get(reader, []) for reader in wanted},
            dead=self._dead(),
            applied=self._applied,
            applying={each for each in wanted if each.service != "audit" and (each.service, each.place.topic) not in ITS_OWN_WAY},
            once=self._effects(_ONCE),
            done=self._effects(_DONE | {"entry": " UNION ALL ".join(map(_WRITTEN.format, DOMAIN_SERVICES))}),
            audited=self._effects(_AUDITED | {"entry": _SEALED}),
            sent=[str(row[0]) for row in self._rows(_SENT)],
            arrived=[str(message) for message in self._arrived()],
        )

    def _accepted(self) -> dict[Place, list[Fact]]:
        found: dict[Place, list[Fact]] = defaultdict(list)
        for service in DOMAIN_SERVICES:
            for topic, partition, position, key, version in self._rows(_OUTBOX.format(service)):
                found[Place(topic, partition)].append(Fact(position, key, version))
        return found

    def _handled(self) -> dict[Reader, Ranges]:
        found: dict[Reader, list[tuple[int, int]]] = defaultdict(list)
        for service in DOMAIN_SERVICES:
            for topic, partition, low, high in self._rows(_HANDLED.format(service)):
                found[Reader(service, Place(topic, partition))].append((low, high))
        return dict(found)

    def _dead(self) -> dict[Reader, list[int]]:
        found: dict[Reader, list[int]] = defaultdict(list)
        for service in DOMAIN_SERVICES:
            for topic, partition, position in self._rows(_DEAD.format(service)):
                found[Reader(service, Place(topic, partition))].append(position)
        return found

    def _see_applied(self, accepted: dict[Place, list[Fact]]) -> None:
        places = {(place.topic, fact.key): place for place, facts in accepted.items() for fact in facts}
        seen = [(service, *row) for service in DOMAIN_SERVICES for row in self._rows(_APPLIED.format(service))]
        seen += [("screening", RECORD.name, str(record), version) for record, version in self._rows(_RECORDS)]
        for service, topic, key, version in seen:
            known = self._applied[Reader(service, places.get((topic, key), Place(topic, 0))), key]
            if not known or known[-1] != version:
                known.append(version)

    def _effects(self, queries: dict[str, str]) -> list[Effect]:
        return [Effect(kind, " ".join(map(str, row))) for kind, query in queries.items() for row in self._rows(query)]
