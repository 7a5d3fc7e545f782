"""The letter bundle: what a municipality reads once it has decrypted a notification – the facts as data and as one HTML page.

Its JSON text is what the digest is taken of and what delivery sends. It carries fresh ids only: no pseudonym, case id,
journal number, address or name of a recipient. Danish texts stand beside the codes, so that a case system may show either.
"""

from datetime import date
from typing import Literal
from uuid import UUID

import msgspec

from events.case import Kind
from events.http.identity import AdultRelation
from events.record import Outcome, Role

Schema = Literal["socialsog-letter/1"]
SCHEMA: Schema = "socialsog-letter/1"


class LegalBasis(msgspec.Struct, frozen=True):
    """The duty to notify (*skærpet underretningspligt*) under which the letter is sent; `text` as the letter says it."""

    law: Literal["serviceloven", "barnets lov"]
    section: str
    text: str


class Notifier(msgspec.Struct, frozen=True):
    """Who notifies. `type` is the national statistics' notifier type (6 = Politi eller domstol); `office` a police district."""

    type: Literal[6]
    type_text: str
    office: str


class LetterChild(msgspec.Struct, frozen=True):
    """The child. `protected`: name and address protection (*navne- og adressebeskyttelse*); an address is never given."""

    name: str
    cpr: str
    protected: bool


class LetterParent(msgspec.Struct, frozen=True):
    """A parent by the population register, named in every letter whether or not the facts are about them."""

    name: str
    relation: AdultRelation
    relation_text: str


class LetterAdult(msgspec.Struct, frozen=True):
    """An adult whom the facts are about; `label` (such as "Voksen 1") is how the facts refer to them."""

    label: str
    name: str
    relation: AdultRelation
    relation_text: str


class Fact(msgspec.Struct, frozen=True):
    """One registered fact. `adult` is a label; `district` and `source` name police districts; `child_present` as registered."""

    number: int
    adult: str
    occurred_on: date
    district: str
    text: str
    role: Role
    role_text: str
    outcome: Outcome
    outcome_text: str
    registered_on: date
    source: str
    child_present: bool


class ChangedFact(msgspec.Struct, frozen=True):
    """Something told before that is different now. `before` as it was told; `after` is null when it is withdrawn."""

    number: int
    change: Literal["corrected", "withdrawn"]
    before: Fact
    after: Fact | None


class EarlierLetter(msgspec.Struct, frozen=True):
    """A letter about the child that a correction, retraction or supplement follows up."""

    letter_id: UUID
    dated: date


class ParentsInformed(msgspec.Struct, frozen=True):
    """Whether the parents were told of the letter, and if not why."""

    informed: bool
    reason: Literal["collected_from_registers"]
    reason_text: str


class Statistics(msgspec.Struct, frozen=True):
    """For the national statistics on notifications; the reasons are suggestions, the municipality decides."""

    notifier_type: Literal[6]
    suggested_reasons: list[str]


class Letter(msgspec.Struct, frozen=True):
    """One notification (*underretning*). `week` is the ISO week up to whose end the police searched; `html` the same content."""

    schema: Schema
    letter_id: UUID
    kind: Kind
    title: str
    dated: date
    week: str
    legal_basis: LegalBasis
    notifier: Notifier
    child: LetterChild
    parents: list[LetterParent]
    adults: list[LetterAdult]
    new_facts: list[Fact]
    changed_facts: list[ChangedFact]
    earlier_facts: list[Fact]
    earlier_letters: list[EarlierLetter]
    parents_informed: ParentsInformed
    interpreter_needed: Literal["unknown"]
    missing_districts: list[str]
    statistics: Statistics
    html: str
