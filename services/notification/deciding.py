"""What is written when a draft's state changes: the draft, the decision event and the audit entry, in one transaction.

Shared by the reviewers' desk and the composer, which releases automatically only where the operator has switched that on.
"""

from uuid import UUID

from events.audit import Verb
from events.decision import Decision, DecisionState, Residence
from events.topics import DECISION
from services.notification import store
from services.notification.domain.draft import Draft, decided
from services.runtime.transaction import Transaction

AUTOMATIC = "automatic"
"""The actor of a release without a person."""
PURPOSE = "notification_review"


def publish(transaction: Transaction, draft: Draft, state: DecisionState) -> None:
    """Tell the others the draft's whole state."""
    decision = Decision(
        draft_id=draft.draft_id,
        draft_version=draft.version,
        case_id=draft.case_id,
        child=draft.child,
        run_id=draft.asked.run_id,
        week=draft.asked.week,
        kind=draft.asked.kind,
        state=state,
        reason=draft.reason,
        included=[item.evidence_id for item in draft.included],
        left_out=[each.evidence_id for each in draft.left_out],
        corrects=draft.asked.corrects,
        digest=draft.digest,
        residence=Residence(draft.municipality, draft.protected),
        district=draft.districts[0] if draft.districts else "",
        actor=draft.actor,
        automatic=draft.automatic,
        decided_at=draft.decided_at,
    )
    correlation = str(draft.asked.run_id)
    transaction.publish(DECISION, str(draft.draft_id), draft.decision_version, decision, correlation)


def approve(transaction: Transaction, draft: Draft, actor: str, *, automatic: bool = False) -> Draft:
    """Freeze the letter's bytes and let delivery know. The caller has checked that it may be approved."""
    after = decided(draft, "approved", actor, transaction.now, automatic=automatic)
    store.freeze(transaction, after)
    record(transaction, after, "approved", actor)
    return after


def record(transaction: Transaction, draft: Draft, state: DecisionState, actor: str, comment: str | None = None) -> None:
    """Write a decided draft, the reviewer's note, the event and the audit entry."""
    store.save(transaction, [draft])
    store.note(transaction, draft, state, actor, reason=draft.reason, comment=comment)
    publish(transaction, draft, state)
    audit(
        transaction, "alteration", f"draft_{state}", draft, actor, reason=draft.reason or "none", automatic=int(draft.automatic)
    )


def audit(
    transaction: Transaction,
    verb: Verb,
    action: str,
    draft: Draft,
    actor: str | None = None,
    *,
    purpose: str = PURPOSE,
    recipient: str | None = None,
    adults: list[UUID] | None = None,
    **detail: str | int,
) -> None:
    """One audit entry about one draft; codes and counts only."""
    transaction.audit(
        verb,
        action,
        purpose=purpose,
        actor=actor,
        subjects=[draft.child, *(adults or [])],
        case_id=draft.case_id,
        run_id=draft.asked.run_id,
        week=draft.asked.week,
        municipality=draft.municipality,
        recipient=recipient,
        version=draft.version,
        **detail,
    )
