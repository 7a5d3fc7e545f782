"""Identity's doors: who is this (`/resolve`, intake), whose children (`/ties`, screening), names for one letter (`/unmask`,
notification), where does this child live (`/residence`, delivery). All in batches; all audited by identity. While a register
delivery is being read, all but `/resolve` answer 503: ask again.
"""

from datetime import datetime
from typing import Literal, Protocol, TypeVar
from uuid import UUID

import msgspec

from events.candidate import Basis
from events.record import Standing

T = TypeVar("T")


class Caller(Protocol):
    """Whatever can POST a struct to a door and read the answer (the runtime's `Client`)."""

    def post(self, path: str, body: object, answer: type[T]) -> T:
        """POST `body` to `path`; the answer as `answer`."""


class Identity(msgspec.Struct, frozen=True):
    """A number as the police wrote it. Kinds: CPR, ENR (foreigner), UNR (unknown)."""

    kind: Literal["CPR", "ENR", "UNR"]
    number: str


class ResolveRequest(msgspec.Struct, frozen=True):
    """Who are these? Answered in the same order."""

    identities: list[Identity]


class Resolved(msgspec.Struct, frozen=True):
    """The pseudonym of one identity, and whether identity knows the person."""

    pseudonym: UUID
    standing: Standing


class ResolveAnswer(msgspec.Struct, frozen=True):
    """One `Resolved` per identity asked for, in order."""

    persons: list[Resolved]


class TiesRequest(msgspec.Struct, frozen=True):
    """Which children are tied to these adults at this moment (end of the week)."""

    run_id: UUID
    week: str
    adults: list[UUID]
    at: datetime


TieExclusion = Literal["of_age", "child_not_resident", "incomplete_address", "institution", "crowded_address", "tie_not_valid"]
"""Why a tie does not count: child is 18, not living in the country, household not provable, custody ended."""


class Tie(msgspec.Struct, frozen=True):
    """An adult tied to a child, on which bases; the child's whole years at the moment asked about. Canonical pseudonyms."""

    adult: UUID
    child: UUID
    bases: list[Basis]
    age_years: int


class ExcludedTie(msgspec.Struct, frozen=True):
    """Ties of an adult that were left out, by reason."""

    adult: UUID
    reason: TieExclusion
    count: int


class TiesAnswer(msgspec.Struct, frozen=True):
    """All ties of the adults asked about; adults without any child appear in neither list."""

    register_version: int
    ties: list[Tie]
    excluded: list[ExcludedTie]


class UnmaskRequest(msgspec.Struct, frozen=True):
    """Names for one letter: the case, the purpose, the child and the adults that it must name."""

    case_id: UUID
    purpose: Literal["compose_notification"]
    child: UUID
    adults: list[UUID]


class UnmaskedChild(msgspec.Struct, frozen=True):
    """The child as the letter names it. `municipality` is where it lives now; never an address."""

    pseudonym: UUID
    cpr: str
    name: str
    municipality: str | None
    protected: bool


AdultRelation = Literal["mother", "father", "parent", "custody_holder", "household", "none"]


class UnmaskedAdult(msgspec.Struct, frozen=True):
    """An adult as the letter names it, and what the register says they are to the child. `pseudonym` is the current one, so that
    one person asked for under two is one adult of the letter; answers are in the order of the question.
    """

    pseudonym: UUID
    name: str
    relation: AdultRelation


class UnmaskAnswer(msgspec.Struct, frozen=True):
    """`parents` are the child's parents by the register (named in every letter); `adults` those asked for."""

    child: UnmaskedChild
    parents: list[UnmaskedAdult]
    adults: list[UnmaskedAdult]


class ResidenceRequest(msgspec.Struct, frozen=True):
    """Where do these children live now, and may they still be written about?"""

    children: list[UUID]
    at: datetime


RegisterStanding = Literal["resident", "no_fixed_address", "dead", "emigrated", "disappeared", "annulled", "unknown"]


class ChildResidence(msgspec.Struct, frozen=True):
    """A child at the moment asked about. `child` as asked, `canonical` who that is now."""

    child: UUID
    canonical: UUID
    standing: RegisterStanding
    under_18: bool
    municipality: str | None
    protected: bool


class ResidenceAnswer(msgspec.Struct, frozen=True):
    """One entry per child asked for, in order."""

    children: list[ChildResidence]


class IdentityDoors:
    """Typed client of identity's doors."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def resolve(self, identities: list[Identity]) -> list[Resolved]:
        """Pseudonyms of these identities, in order; unknown ones get one too and wait."""
        return self._caller.post("/resolve", ResolveRequest(identities), ResolveAnswer).persons

    def ties(self, request: TiesRequest) -> TiesAnswer:
        """Children of these adults."""
        return self._caller.post("/ties", request, TiesAnswer)

    def unmask(self, request: UnmaskRequest) -> UnmaskAnswer:
        """Names for one letter."""
        return self._caller.post("/unmask", request, UnmaskAnswer)

    def residence(self, children: list[UUID], at: datetime) -> list[ChildResidence]:
        """Where these children live now, in order."""
        return self._caller.post("/residence", ResidenceRequest(children, at), ResidenceAnswer).children
