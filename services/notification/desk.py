"""The reviewers' desk: each act is one transaction that checks, writes, publishes and audits.

A reviewer sees the drafts of their own districts only; any other draft does not exist for them.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from events.http.notification import FrozenLetter
from services.notification import store
from services.notification.deciding import PURPOSE, approve, audit, record
from services.notification.domain.draft import UNDECIDED, Draft, State, check_decidable, decided, without
from services.notification.handlers import order
from services.notification.messages import Approve, DraftLine, DraftView, Hold, LeaveOut, Outcome, Reject, SummaryLine
from services.notification.views import hours, line, view
from services.runtime.credentials import Principal
from services.runtime.database import Store
from services.runtime.transaction import Transaction


class Unknown(Exception):
    """There is no such draft, or not in the reviewer's districts."""


class Desk:
    """What may be done with drafts, by whom."""

    def __init__(self, database: Store) -> None:
        self._database = database

    def drafts(self, reviewer: Principal, state: State | None) -> list[DraftLine]:
        """Drafts of the reviewer's districts, undecided unless a state is asked for; the oldest first."""
        with self._database.transaction() as transaction:
            drafts = store.in_districts(transaction, reviewer.districts, [state] if state else UNDECIDED)
            children = sorted({draft.child for draft in drafts})
            transaction.audit(
                "consultation", "drafts_listed", purpose=PURPOSE, actor=reviewer.principal, subjects=children, drafts=len(drafts)
            )
            return [line(draft, transaction.now) for draft in drafts]

    def show(self, reviewer: Principal, draft_id: UUID) -> DraftView:
        """One draft with its letter, in clear: the entry names who read it."""
        with self._database.transaction() as transaction:
            draft = _own(transaction, reviewer, draft_id)
            who = reviewer.principal
            audit(transaction, "consultation", "draft_shown", draft, who, recipient=who, adults=_adults(draft))
            return view(draft)

    def approve(self, reviewer: Principal, draft_id: UUID, wish: Approve) -> Outcome:
        """Approve the letter that was seen."""
        with self._database.transaction() as transaction:
            draft = _own(transaction, reviewer, draft_id, lock=True)
            check_decidable(draft, wish.version, wish.digest)
            return _outcome(approve(transaction, draft, reviewer.principal))

    def reject(self, reviewer: Principal, draft_id: UUID, wish: Reject) -> Outcome:
        """Decide that nothing is sent."""
        with self._database.transaction() as transaction:
            draft = _own(transaction, reviewer, draft_id, lock=True)
            check_decidable(draft, wish.version)
            after = decided(draft, "rejected", reviewer.principal, transaction.now, wish.reason)
            record(transaction, after, "rejected", reviewer.principal, wish.comment)
            return _outcome(after)

    def hold(self, reviewer: Principal, draft_id: UUID, wish: Hold) -> Outcome:
        """Put a draft aside, visibly."""
        with self._database.transaction() as transaction:
            draft = _own(transaction, reviewer, draft_id, lock=True)
            check_decidable(draft, wish.version)
            after = decided(draft, "held", reviewer.principal, transaction.now, wish.reason)
            record(transaction, after, "held", reviewer.principal, wish.comment)
            return _outcome(after)

    def leave_out(self, reviewer: Principal, draft_id: UUID, wish: LeaveOut) -> Outcome:
        """Take one piece of evidence away; the letter is composed anew and gets another digest."""
        with self._database.transaction() as transaction:
            draft = _own(transaction, reviewer, draft_id, lock=True)
            check_decidable(draft, wish.version)
            after = without(draft, wish.evidence_id, wish.reason)
            store.save(transaction, [after])
            reason, who = wish.reason, reviewer.principal
            store.note(transaction, draft, "left_out", who, reason=reason, comment=wish.comment, evidence_id=wish.evidence_id)
            audit(transaction, "alteration", "evidence_left_out", after, who, reason=reason, evidence=str(wish.evidence_id))
            order(transaction, after)
            return _outcome(after)

    def letter(self, recipient: Principal, draft_id: UUID, version: int) -> FrozenLetter:
        """The frozen letter of an approved version, for delivery."""
        with self._database.transaction() as transaction:
            row = store.frozen(transaction, draft_id, version)
            if row is None:
                raise Unknown
            transaction.audit(
                "consultation",
                "letter_fetched",
                purpose="delivery",
                actor=recipient.principal,
                subjects=[row.child],
                case_id=row.case_id,
                week=row.week,
                recipient=recipient.principal,
                version=version,
            )
            return FrozenLetter(draft_id, version, row.digest, row.content)

    def summary(self) -> list[SummaryLine]:
        """Counts and ages, without anybody's name or pseudonym."""
        with self._database.transaction() as transaction:
            rows: Sequence[tuple[str, State, list[str], int, datetime]] = transaction.execute(store.SUMMARY).tuples().all()
            now = transaction.now
        return [SummaryLine(week, state, where, drafts, hours(oldest, now)) for week, state, where, drafts, oldest in rows]


def _own(transaction: Transaction, reviewer: Principal, draft_id: UUID, *, lock: bool = False) -> Draft:
    draft = store.load(transaction, draft_id, lock=lock)
    if draft is None or not set(draft.districts) & set(reviewer.districts):
        raise Unknown
    return draft


def _adults(draft: Draft) -> list[UUID]:
    about = [item.person for item in (*draft.asked.new, *draft.asked.changed, *draft.asked.earlier)]
    return sorted({*about, *(adult.person for adult in draft.asked.adults)})


def _outcome(draft: Draft) -> Outcome:
    return Outcome(draft.draft_id, draft.version, draft.state, draft.digest)
