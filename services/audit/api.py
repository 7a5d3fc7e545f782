"""Doors for auditors. Asking is itself an entry: it is written with the answer's transaction, and no entry means no answer.

The entry tells the filters as its own fields (the person asked about is its subject) and as codes; nothing that was typed
freely is kept, because filters that are not of the expected form are refused.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get
from litestar.exceptions import ValidationException
from litestar.params import FromQuery, QueryParameter
from litestar.types import ControllerRouterHandler

from events.audit import Verb
from events.topics import DOMAIN_SERVICES
from services.audit import queries, store
from services.audit.domain import LogRow, Verdict, moment, verify
from services.audit.queries import Filters
from services.runtime.database import Store
from services.runtime.http import actor, allow
from services.runtime.transaction import LARGEST_INTEGER, Transaction

WEEK = r"^\d{4}-W\d{2}$"
ACTOR = r"^[a-z][a-z0-9:._-]{0,63}$"
"""A principal such as `service:intake` or `reviewer-1461`; a name or a number does not pass."""
CODE = r"^\d{3}$"
PAGE = 100
LARGEST_PAGE = 1_000
"""Entries per answer; an entry without persons is about 400 bytes."""
PURPOSE = "audit"

Text = str | None


class Page(msgspec.Struct, frozen=True):
    """An answer. `next` goes into `after` for the rest, None at the end. `waiting`: entries not in the log yet (a gap before)."""

    entries: list[LogRow]
    next: int | None
    waiting: int


class SourceState(msgspec.Struct, frozen=True):
    """One source: entries in the log, entries waiting, and the first number that is missing if any wait."""

    source: str
    appended: int
    waiting: int
    gap: int | None


def routes(database: Store) -> Sequence[ControllerRouterHandler]:
    """The doors over this database."""

    @get("/entries", opt=allow("auditor"), sync_to_thread=True)
    def entries(
        request: Request[Any, Any, Any],
        person: FromQuery[UUID | None] = None,
        case: FromQuery[UUID | None] = None,
        run: FromQuery[UUID | None] = None,
        week: Annotated[Text, QueryParameter(pattern=WEEK)] = None,
        who: Annotated[Text, QueryParameter(name="actor", pattern=ACTOR)] = None,
        municipality: Annotated[Text, QueryParameter(pattern=CODE)] = None,
        verb: FromQuery[Verb | None] = None,
        since: FromQuery[datetime | None] = None,
        until: FromQuery[datetime | None] = None,
        after: Annotated[int, QueryParameter(ge=0, le=LARGEST_INTEGER)] = 0,
        limit: Annotated[int, QueryParameter(ge=1, le=LARGEST_PAGE)] = PAGE,
    ) -> Page:
        _only_known(request)
        filters = Filters(person, case, run, week, who, municipality, verb, _aware(since, "since"), _aware(until, "until"))
        with database.transaction() as transaction:
            rows, more = queries.page(transaction, filters, after, limit)
            waiting = transaction.execute(store.WAITING).scalar_one()
            _record(transaction, actor(request).principal, filters, len(rows), after)
        return Page(rows, rows[-1]["position"] if more else None, waiting)

    @get("/verify", opt=allow("auditor"), sync_to_thread=True)
    def check(request: Request[Any, Any, Any]) -> Verdict:
        verdict = verify_log(database)
        with database.transaction() as transaction:
            # The head leaves this database with the entry, so that whoever alters the log must alter the topic too.
            transaction.audit(
                "consultation",
                "audit_verify",
                purpose=PURPOSE,
                actor=actor(request).principal,
                ok=int(verdict.ok),
                position=verdict.position,
                head=verdict.head,
            )
        return verdict

    @get("/sources", opt=allow("auditor"), sync_to_thread=True)
    def sources() -> list[SourceState]:
        with database.transaction() as transaction:
            rows = transaction.execute(store.SOURCES, {"sources": list(DOMAIN_SERVICES)}).all()
        return [SourceState(*row) for row in rows]

    return [entries, check, sources]


def verify_log(database: Store) -> Verdict:
    """Check the whole log as it stands now: chain, numbers, that its end is where it was left, and the index of persons."""
    with database.transaction() as transaction:
        head = transaction.execute(store.HEAD).one_or_none()
    through, chain = (head.position, bytes(head.chain).hex()) if head else (0, "")
    verdict = verify(queries.stream(database.transaction, through))
    if not verdict.ok:
        return verdict
    if through and (verdict.position, verdict.head) != (through, chain):
        return msgspec.structs.replace(verdict, ok=False, first_bad=verdict.position + 1, reason="end_missing")
    with database.transaction() as transaction:
        bad = transaction.execute(store.INDEX_DISAGREES, {"through": through}).scalar_one()
    return msgspec.structs.replace(verdict, ok=False, first_bad=bad, reason="persons_disagree") if bad else verdict


def _only_known(request: Request[Any, Any, Any]) -> None:
    """A misspelt filter would be no filter at all, and the answer far more than was asked for."""
    if set(request.query_params) - set(Filters.__struct_fields__) - {"after", "limit"}:
        raise ValidationException(f"filters are {', '.join(Filters.__struct_fields__)}, after and limit")


def _aware(at: datetime | None, name: str) -> datetime | None:
    if at is not None and at.tzinfo is None:
        raise ValidationException(f"{name} needs an offset from UTC")
    return at


def _record(transaction: Transaction, principal: str, filters: Filters, found: int, after: int) -> None:
    transaction.audit(
        "consultation",
        "audit_query",
        purpose=PURPOSE,
        actor=principal,
        subjects=[filters.person] if filters.person else [],
        case_id=filters.case,
        run_id=filters.run,
        week=filters.week,
        municipality=filters.municipality,
        filter_verb=filters.verb or "any",
        filter_actor=filters.actor or "any",
        filter_since=moment(filters.since) if filters.since else "any",
        filter_until=moment(filters.until) if filters.until else "any",
        after=after,
        found=found,
    )
