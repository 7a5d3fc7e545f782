"""Composing: asks identity for the names of one letter, renders it, and puts it before the reviewers."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

import msgspec

from events.http.identity import UnmaskAnswer, UnmaskedAdult, UnmaskRequest
from events.weeks import danish_date
from services.notification import store
from services.notification.deciding import AUTOMATIC, approve, audit, publish
from services.notification.domain.draft import Draft, districts
from services.notification.domain.letter import Material, Told, compose, to_name
from services.notification.handlers import Order
from services.notification.rendering import bundle, digest
from services.runtime import points
from services.runtime.database import Store
from services.runtime.errors import Poison
from services.runtime.transaction import Transaction
from services.runtime.work import Effects, WorkItem


class Composer:
    """Composes letters. `automatic` releases them without a person, where the operator has switched that on."""

    def __init__(self, database: Store, unmask: Callable[[UnmaskRequest], UnmaskAnswer], *, automatic: bool) -> None:
        self._database = database
        self._unmask = unmask
        self._automatic = automatic

    def compose(self, item: WorkItem) -> Effects:
        """Compose what the work row asks for. An order that a newer one or a decision has overtaken does nothing."""
        order = msgspec.json.decode(item.payload, type=Order)
        with self._database.transaction() as transaction:
            draft = store.load(transaction, order.draft_id)
            if draft is None or draft.version != order.version or draft.state != "composing":
                return _nothing
            told, now = store.told_before(transaction, draft), transaction.now
        if not draft.included:
            raise Poison("nothing_to_tell")
        asked = to_name(draft.asked, told)
        points.reach("composing")
        answer = self._unmask(UnmaskRequest(draft.case_id, "compose_notification", draft.child, asked))
        content = bundle(compose(material(draft, told, now, answer, asked)))
        return partial(self._present, draft, content, answer, asked)

    def _present(self, composed: Draft, content: str, answer: UnmaskAnswer, adults: list[UUID], transaction: Transaction) -> None:
        current = store.load(transaction, composed.draft_id, lock=True)
        if current is None or current.state != "composing" or current.version != composed.version:
            return
        draft = presented(current, content, answer)
        store.save(transaction, [draft])
        publish(transaction, draft, "waiting")
        audit(transaction, "combination", "letter_composed", draft, purpose="compose_notification", adults=adults)
        if self._automatic and draft.municipality and not store.was_approved(transaction, draft.draft_id):
            # One that came back from delivery, or that has no municipality, always needs a person.
            approve(transaction, draft, AUTOMATIC, automatic=True)


def presented(draft: Draft, content: str, answer: UnmaskAnswer) -> Draft:
    """The draft with its text, waiting for the reviewers of the child's district."""
    return msgspec.structs.replace(
        draft,
        state="waiting",
        content=content,
        digest=digest(content),
        municipality=answer.child.municipality,
        protected=answer.child.protected,
        districts=districts(answer.child.municipality, draft.asked),
        decision_version=draft.decision_version + 1,
    )


def material(draft: Draft, told: Told, now: datetime, answer: UnmaskAnswer, asked: list[UUID]) -> Material:
    """What the letter is made of. Raises Poison when identity did not answer for everybody, or nobody says what was told."""
    if {item.evidence_id for item in draft.asked.changed} - told.items.keys():
        raise Poison("told_unknown")
    return Material(
        letter_id=draft.letter_id,
        draft=draft.asked,
        left_out=frozenset(each.evidence_id for each in draft.left_out),
        told=told,
        dated=danish_date(now),
        asked_at=draft.asked_at,
        child=answer.child,
        parents=answer.parents,
        people=_people(asked, answer.adults),
    )


def _people(asked: list[UUID], answered: list[UnmaskedAdult]) -> dict[UUID, UnmaskedAdult]:
    """Who each pseudonym is. Two pseudonyms of one person (a changed number) must not become two adults of the letter.

    Identity may say so with the current pseudonym; a mother or father of the same name is the same person in any case.
    """
    known = {each.pseudonym: each for each in answered}
    if len(asked) == len(answered):
        known = dict(zip(asked, answered, strict=True)) | {key: known[key] for key in asked if key in known}
    if not known.keys() >= set(asked):
        raise Poison("unmask_incomplete")
    parents: dict[tuple[str, str], UnmaskedAdult] = {
        (each.relation, each.name): each for each in known.values() if each.relation in ("mother", "father", "parent")
    }
    return {key: parents.get((each.relation, each.name), each) for key, each in known.items()}


def _nothing(transaction: Transaction) -> None:
    """No effects: somebody else has gone further."""
