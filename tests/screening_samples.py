"""A small world around screening for its tests: records, aliases and extracts as events, ties, a clock. All invented."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import msgspec
from msgspec.structs import replace

from events import weeks
from events.alias import Alias
from events.candidate import Candidate
from events.envelope import Envelope
from events.evidence import Evidence
from events.extract import Extract, RowCounts
from events.http.identity import ExcludedTie, Tie, TiesAnswer, TiesRequest
from events.municipalities import DISTRICTS
from events.record import Record, Standing
from events.topics import ALIAS, CANDIDATE, EVIDENCE, EXTRACT, RECORD, Topic
from services.ledger import check
from services.runtime.clock import FileClock
from services.runtime.consumer import Subscription, apply
from services.runtime.database import Store
from services.runtime.events import Decoder, Event
from services.screening.handlers import Handlers
from services.screening.readiness import Plan
from services.screening.runner import RunAnswer, Runner
from services.screening.shelf import Shelf
from services.screening.store import LEDGER_VIEW

W38, W39, W40 = "2026-W38", "2026-W39", "2026-W40"
DAY = timedelta(days=1)
WEEKDAY_NOON = timedelta(days=2, hours=12)


def record(person: UUID, registered: datetime, **fields: Any) -> Record:
    """A record of simple violence, occurred the day before it was registered."""
    known: dict[str, Any] = {
        "record_id": uuid4(),
        "extract_id": "1461-00001",
        "revision": 1,
        "status": "live",
        "supersedes": None,
        "district": "1461",
        "registered_at": registered,
        "occurred_at": registered - DAY,
        "code": "1252",
        "code_scheme": "GER4",
        "person": person,
        "standing": "identified",
        "role": "charged",
        "outcome": "open",
        "place": None,
        "child_present": False,
    }
    return Record(**{**known, **fields})


def within(week: str, after: timedelta = WEEKDAY_NOON) -> datetime:
    """A moment of a week, by default Wednesday noon."""
    return weeks.start(week) + after


@dataclass
class Register:
    """Answers like identity's door `/ties`, and remembers what it was asked."""

    ties: list[Tie] = field(default_factory=list)
    excluded: list[ExcludedTie] = field(default_factory=list)
    asked: list[TiesRequest] = field(default_factory=list)
    version: int = 7
    meanwhile: Callable[[], None] = lambda: None

    def __call__(self, request: TiesRequest) -> TiesAnswer:
        """The ties of these adults."""
        self.asked.append(request)
        self.meanwhile()
        wanted = set(request.adults)
        return TiesAnswer(
            self.version,
            [tie for tie in self.ties if tie.adult in wanted],
            [each for each in self.excluded if each.adult in wanted],
        )


class World:
    """One screening service without Kafka."""

    def __init__(self, store: Store, first_week: str = W38, ceiling: int = 500) -> None:
        self.store = store
        self.shelf = Shelf()
        self.register = Register()
        self.handlers = Handlers(self.shelf)
        self.runner = Runner(store, self.shelf, self.register, Plan(first_week, ceiling))
        self._positions: dict[tuple[str, int], int] = {}
        self._sequences: dict[str, int] = {}
        self._subscriptions = {
            RECORD: Subscription(RECORD, self.handlers.on_records, False, Decoder(RECORD)),
            ALIAS: Subscription(ALIAS, self.handlers.on_aliases, True, Decoder(ALIAS)),
            EXTRACT: Subscription(EXTRACT, self.handlers.on_extracts, True, Decoder(EXTRACT)),
        }

    # events

    def event(self, topic: Topic, key: str, version: int, data: Any) -> Event[Any]:
        """A fact with the next position of its partition."""
        place = (topic.name, topic.partition(key))
        self._positions[place] = position = self._positions.get(place, 0) + 1
        return Event(topic, uuid4(), key, version, position, self.store.clock.now(), key, data)

    def handle(self, events: Sequence[Event[Any]]) -> None:
        """Let the service handle a batch (of one topic) as the runtime does, partition by partition."""
        by_partition: dict[int, list[Event[Any]]] = {}
        for event in events:
            by_partition.setdefault(event.topic.partition(event.key), []).append(event)
        for partition, part in by_partition.items():
            with self.store.transaction() as transaction:
                apply(transaction, self._subscriptions[part[0].topic], partition, part)

    def records(self, *given: Record) -> None:
        """Records arrive; a record's version is its revision."""
        self.handle([self.event(RECORD, str(each.record_id), each.revision, each) for each in given])

    def revise(self, known: Record, **fields: Any) -> Record:
        """The next revision of a record arrives."""
        changed = replace(known, revision=known.revision + 1, **fields)
        self.records(changed)
        return changed

    def alias(self, pseudonym: UUID, canonical: UUID | None = None, standing: Standing = "identified", version: int = 1) -> None:
        """Identity knows better who a pseudonym is."""
        self.handle([self.event(ALIAS, str(pseudonym), version, Alias(pseudonym, canonical or pseudonym, standing))])

    def extract(self, district: str, week: str, sequence: int | None = None, lost: int = 0) -> None:
        """A district's extract of a week was read; `lost` records of each partition have not arrived."""
        number = sequence or self._sequences.get(district, 0) + 1
        self._sequences[district] = number
        through = [self._positions.get((RECORD.name, each), 0) + lost for each in range(RECORD.partitions)]
        name = f"{district}-{number:05d}"
        self.handle([self.event(EXTRACT, name, 1, Extract(name, district, number, weeks.end(week), RowCounts(), through))])

    def delivered(self, week: str, but: Iterable[str] = ()) -> None:
        """Every district (but these) has delivered a week."""
        for district in sorted(set(DISTRICTS) - set(but)):
            self.extract(district, week)

    # people

    def approve(self, actor: str = "approver") -> None:
        """The newest catalogue is approved."""
        entry = self.shelf.entries[-1]
        with self.store.transaction() as transaction:
            self.shelf.approve(transaction, entry.catalogue.id, entry.digest, actor)

    def now(self, moment: datetime) -> None:
        """Move the clock."""
        cast(FileClock, self.store.clock).move(moment)

    def family(self, *adults: UUID, age: int = 8) -> UUID:
        """A child of these adults."""
        child = uuid4()
        self.register.ties += [Tie(adult, child, ["parent"], age) for adult in adults]
        return child

    def run(self, week: str) -> RunAnswer:
        """All deliver, it is Monday morning, the schedule runs the week."""
        self.delivered(week)
        self.now(weeks.end(week) + timedelta(hours=5))
        return next(answer for answer in self.runner.due("schedule") if answer.week == week)

    # what is there

    def select(self, statement: str, **values: Any) -> list[Any]:
        """Rows of the database."""
        with self.store.transaction() as transaction:
            return list(transaction.execute(statement, values).all())

    def published(self, topic: Topic, data: Any) -> list[Any]:
        """Everything that was published on a topic, in order of each partition."""
        rows = self.select("SELECT payload FROM outbox WHERE topic = :topic ORDER BY partition, position", topic=topic.name)
        return [msgspec.json.decode(bytes(row.payload), type=Envelope[data]).data for row in rows]

    def candidates(self, week: str) -> dict[UUID, Candidate]:
        """Published candidates of a week by child."""
        return {each.child: each for each in self.published(CANDIDATE, Candidate) if each.week == week}

    def evidence_events(self, evidence_id: UUID) -> list[Evidence]:
        """Published versions of one piece of evidence."""
        return [each for each in self.published(EVIDENCE, Evidence) if each.item.evidence_id == evidence_id]

    def outcomes(self, week: str) -> dict[UUID, tuple[str, str]]:
        """Verdicts on the adults of a week."""
        query = "SELECT person, outcome, reason FROM run_adult JOIN run USING (run_id) WHERE week = :week"
        return {row.person: (row.outcome, row.reason) for row in self.select(query, week=week)}

    def ledger(self, week: str) -> dict[str, int]:
        """The ledger's counts of a week other than zero; both equations must hold."""
        rows = self.select(f"SELECT measure, amount FROM ({LEDGER_VIEW}) AS ledger WHERE week = :week", week=week)
        counts = {row.measure: row.amount for row in rows if row.amount}
        wrong, _ = check(counts)
        assert not [each for each in wrong if each.startswith(("records", "adults"))]
        return counts
