"""A letter that the version before has asked for, and that is still to be composed when this one begins to serve."""

from typing import Any

import msgspec

from events import topics
from events.case import CaseDraft
from events.envelope import Envelope
from services.notification.handlers import on_case
from services.runtime.events import Decoder
from tests.integration.test_notification import HERE, Notification, service, system
from tests.notification_samples import DISTURBANCE, NOW, VIOLENCE, case, case_draft, key

__all__ = ["service", "system"]

SINCE = ("searched_week", "told", "letters")
"""What the version before did not say."""


def receive_as_before(service: Notification, draft: CaseDraft, version: int) -> None:
    """The event of a case as the version before wrote it."""
    asked = case(draft)
    event = Envelope(key("event"), "/deduplication", topics.CASE.type, str(asked.case_id), NOW, version, version, "", asked)
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(event))
    for field in SINCE:
        del document["data"]["draft"][field]
    with service.store.transaction() as transaction:
        on_case(transaction, [Decoder(topics.CASE).decode(msgspec.json.encode(document), None)])


def shown(service: Notification, draft: str) -> Any:
    assert service.rows("SELECT reason FROM dead_letter") == []
    return service.get(HERE, f"/drafts/{key(draft)}")["letter"]


def test_a_correction_tells_what_our_own_letters_told(service: Notification) -> None:
    service.ask()
    first = service.shown()["letter"]["letter_id"]
    service.approve()
    after = msgspec.structs.replace(VIOLENCE, version=2, outcome="acquitted")
    again = msgspec.structs.replace(DISTURBANCE, version=2, live=False)
    asked = case_draft(draft_id=key("correction"), kind="correction", new=[], changed=[after, again], corrects=key("first"))
    receive_as_before(service, asked, 2)
    service.work()
    letter = shown(service, "correction")
    assert [(each["before"]["outcome"], each["change"]) for each in letter["changed_facts"]] == [
        ("open", "corrected"),
        ("open", "withdrawn"),
    ]
    assert [each["letter_id"] for each in letter["earlier_letters"]] == [first]
    left_out = {"version": 1, "evidence_id": str(again.evidence_id), "reason": "irrelevant"}
    service.post(HERE, f"/drafts/{key('correction')}/leave-out", left_out)
    service.work()
    assert len(shown(service, "correction")["changed_facts"]) == 1


def test_a_supplement_names_the_letters_before_it(service: Notification) -> None:
    service.ask(case_draft(new=[VIOLENCE]))
    first = service.shown()["letter"]["letter_id"]
    service.approve()
    receive_as_before(service, case_draft(draft_id=key("next"), kind="supplement", new=[DISTURBANCE], earlier=[VIOLENCE]), 2)
    service.work()
    letter = shown(service, "next")
    assert (len(letter["new_facts"]), len(letter["earlier_facts"])) == (1, 1)
    assert [each["letter_id"] for each in letter["earlier_letters"]] == [first]
    assert letter["week"] == "2026-W38"


def test_of_several_letters_of_a_draft_the_last_counts(service: Notification) -> None:
    for version, outcome in enumerate(("open", "charged"), 1):
        told = msgspec.structs.replace(VIOLENCE, version=version, outcome=outcome)
        service.ask(case_draft(version=version, new=[told]), version)
        service.approve()
    gone = msgspec.structs.replace(VIOLENCE, version=3, live=False)
    receive_as_before(service, case_draft(draft_id=key("correction"), kind="retraction", new=[], changed=[gone]), 3)
    service.work()
    letter = shown(service, "correction")
    assert [each["before"]["outcome"] for each in letter["changed_facts"]] == ["charged"]
    assert len(letter["earlier_letters"]) == 1
