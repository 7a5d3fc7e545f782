"""The catalogue (*gerningskodekatalog*): which codes, roles and outcomes count, and the rules, of a few plain fields.

The types here are the file format: the JSON Schema is generated from them. A catalogue is active only after a person approved
exactly this content, named by the SHA-256 over its canonical JSON (RFC 8785).
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated

import msgspec
import rfc8785

from events.record import Outcome, Role
from events.weeks import monday

Key = tuple[str, str]
"""(scheme, code)."""
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9_]*$")]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Whole = Annotated[int, msgspec.Meta(ge=1)]


class CodeRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names one code in its scheme."""

    scheme: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{1,16}$")]
    code: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9-]{1,16}$")]


class Counting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Roles and outcomes that count for every category."""

    roles: list[Role]
    outcomes: list[Outcome]


class Category(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of event, and the roles that count for it besides the general ones.

    `also_roles` always (*forurettet* where violence is at home by its nature); `roles_with_child` only where a child is
    registered as present.
    """

    id: Name
    title: Text
    also_roles: list[Role] = []
    roles_with_child: list[Role] = []


class Code(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One code: category, Danish text as a letter says it, legal provision, and where the code is published.

    Valid for what happened from `valid_from` to `valid_until`, both included; null is open.
    """

    scheme: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{1,16}$")]
    code: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9-]{1,16}$")]
    category: Name
    text: Text
    law: str | None
    source: Text
    synthetic: bool = False
    historic: bool = False
    valid_from: date | None = None
    valid_until: date | None = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At least `pieces` of evidence on `dates` different dates within `look_back_months`, of these categories or codes.

    `categories` null means every category of the catalogue; `codes`, where given, narrows to single (severe) codes. The child
    must be under `child_under` whole years at the end of the week.
    """

    id: Annotated[str, msgspec.Meta(pattern=r"^R[0-9]+$")]
    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z]+(-[a-z]+)*$")]
    title: Text
    pieces: Whole
    dates: Whole
    look_back_months: Whole
    child_under: Annotated[int, msgspec.Meta(ge=1, le=18)]
    categories: list[Name] | None = None
    codes: list[CodeRef] | None = None


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version. Valid for weeks that lie within `valid_from` to `valid_until`, both included; null is open."""

    id: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d+$")]
    title: Text
    valid_from: date
    valid_until: date | None
    legal_basis: Text
    note: Text
    counting: Counting
    categories: list[Category]
    codes: list[Code]
    rules: list[Rule]


class Invalid(ValueError):
    """A catalogue that contradicts itself; `str()` names the entries."""


def check(catalogue: Catalogue) -> None:
    """Raise Invalid unless every reference leads somewhere and no id or code is there twice."""
    categories = [category.id for category in catalogue.categories]
    codes = [(code.scheme, code.code) for code in catalogue.codes]
    named = [code.category for code in catalogue.codes] + [each for rule in catalogue.rules for each in rule.categories or []]
    single = [(each.scheme, each.code) for rule in catalogue.rules for each in rule.codes or []]
    faults = _twice([*categories, *map(str, codes), *(rule.id for rule in catalogue.rules)])
    faults += sorted(set(named) - set(categories)) + sorted(map(str, set(single) - set(codes)))
    if faults:
        raise Invalid(f"catalogue {catalogue.id}: twice or unknown: {', '.join(faults)}")


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def canonical(catalogue: Catalogue) -> bytes:
    """The one way to write this catalogue as JSON."""
    return rfc8785.dumps(msgspec.to_builtins(catalogue))


def digest(catalogue: Catalogue) -> str:
    """What an approver approves: SHA-256 (hex) over the canonical JSON."""
    return hashlib.sha256(canonical(catalogue)).hexdigest()


def covers(catalogue: Catalogue, week: str) -> bool:
    """Whether the whole week lies within the catalogue's validity."""
    first = monday(week)
    last = first + timedelta(days=6)
    return catalogue.valid_from <= first and (catalogue.valid_until is None or last <= catalogue.valid_until)


def roles(catalogue: Catalogue, category: str, child_present: bool) -> list[Role]:
    """Roles that count for a category, with or without a child registered as present."""
    found = next(each for each in catalogue.categories if each.id == category)
    besides = [*found.also_roles, *(found.roles_with_child if child_present else [])]
    return list(dict.fromkeys([*catalogue.counting.roles, *besides]))


def members(catalogue: Catalogue, rule: Rule) -> list[Key]:
    """The codes that a rule counts."""
    single = None if rule.codes is None else {(each.scheme, each.code) for each in rule.codes}
    return [
        (code.scheme, code.code)
        for code in catalogue.codes
        if (rule.categories is None or code.category in rule.categories)
        and (single is None or (code.scheme, code.code) in single)
    ]


class Lookup:
    """One catalogue, indexed by code."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._codes = {(code.scheme, code.code): code for code in catalogue.codes}
        self._roles = {
            (category.id, child_present): frozenset(roles(catalogue, category.id, child_present))
            for category in catalogue.categories
            for child_present in (True, False)
        }

    def find(self, scheme: str, code: str) -> Code | None:
        """The code's entry; None when the catalogue does not have it."""
        return self._codes.get((scheme, code))

    def counts(self, scheme: str, code: str, role: str, outcome: str, child_present: bool, on: date) -> bool:
        """Whether something of this code, role and outcome that happened on this date, with or without a child, counts."""
        entry = self.find(scheme, code)
        return (
            entry is not None
            and role in self._roles[entry.category, child_present]
            and outcome in self.catalogue.counting.outcomes
            and (entry.valid_from is None or entry.valid_from <= on)
            and (entry.valid_until is None or on <= entry.valid_until)
        )
