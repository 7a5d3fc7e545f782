"""The Danish words of the letter: kinds, roles, outcomes, relations, dates and the suggested reasons of the statistics."""

from collections.abc import Iterable
from datetime import date

from events.candidate import Basis
from events.case import Kind
from events.http.identity import AdultRelation
from events.municipalities import DISTRICTS
from events.record import Outcome, Role

TITLES: dict[Kind, str] = {
    "first": "Underretning",
    "supplement": "Supplerende underretning",
    "correction": "Berigtigelse af tidligere underretning",
    "retraction": "Tilbagekaldelse af oplysninger",
}
ROLES: dict[Role, str] = {
    "charged": "sigtet",
    "suspected": "mistænkt",
    "victim": "forurettet",
    "witness": "vidne",
    "reporter": "anmelder",
    "involved": "involveret",
}
OUTCOMES: dict[Outcome, str] = {
    "open": "verserende",
    "charged": "sigtelse rejst",
    "convicted": "afgjort ved dom (domfældelse)",
    "fined": "afgjort med bøde",
    "dropped": "påtaleopgivelse eller tiltalefrafald",
    "acquitted": "afgjort ved dom (frifindelse)",
    "none": "ingen afgørelse registreret",
}
"""Said of the case and never of a person: the word stands beside the role, which may be the victim's."""
RELATIONS: dict[AdultRelation, str] = {
    "mother": "mor",
    "father": "far",
    "parent": "forælder",
    "custody_holder": "indehaver af forældremyndigheden",
    "household": "voksen med samme folkeregisteradresse som barnet",
    "none": "ingen registreret tilknytning til barnet i dag",
}
"""In the order in which the letter lists the adults."""
FORMER_TIES: dict[Basis, str] = {
    "parent": "registreret som forælder ved søgningen",
    "custody": "indehaver af forældremyndigheden ved søgningen",
    "household": "voksen med samme folkeregisteradresse som barnet ved søgningen",
}
"""For an adult whose tie ended between the search and the letter."""
TIED = "voksen med tilknytning til barnet"
"""For an adult of a protected child's home: who may read the file must not learn with whom it lives."""
NOTIFIER_TYPE = "Politi eller domstol"
"""Text of notifier type 6 in the national statistics."""
NOT_INFORMED = (
    "Politiet har ikke orienteret forældrene. Brevet bygger på oplysninger, som allerede er registreret hos politiet, og er "
    "udarbejdet uden kontakt til familien. Kommunen afgør, hvordan og hvornår forældrene orienteres."
)
OTHER_REASON = "Andet"
_CRIME = "Kriminalitet hos forældre eller andre voksne"
_CONFLICT = "Højt konfliktniveau eller vold mellem voksne"
_ALCOHOL = "Alkohol eller stoffer hos forældre eller andre voksne"
_DISTRESS = "Psykisk sygdom eller mistrivsel hos forældre eller andre voksne"
_CARE = "Manglende tilsyn eller omsorg"
ACCUSED: frozenset[Role] = frozenset({"charged", "suspected"})
REASONS: dict[str, str] = {
    "VIOLENCE_DOMESTIC": _CONFLICT,
    "DUI": _ALCOHOL,
    "DUI_DRUG": _ALCOHOL,
    "DRUGS": _ALCOHOL,
    "H_DISTURBANCE": _CONFLICT,
    "H_RESTRAINING": _CONFLICT,
    "H_EXPULSION": _CONFLICT,
    "H_SUICIDE_THREAT": _DISTRESS,
    "H_SUICIDE_ATTEMPT": _DISTRESS,
    "H_MENTAL_ILLNESS": _DISTRESS,
    "H_INTOXICATED": _ALCOHOL,
    "H_CHILD_ALONE": _CARE,
    "H_MISSING_PARENT": _CARE,
}
"""Catalogue category -> suggested reason. General knowledge, not the official code list: a suggestion and never more.

What may have happened to a stranger, or to another child (1286, an offence against a child), has none of its own.
"""
OF_THE_ACCUSED = dict.fromkeys(
    ("VIOLENCE", "VIOLENCE_OFFICIAL", "VIOLENCE_SERIOUS", "THREATS", "STALKING", "PROPERTY", "DRUGS_SERIOUS"), _CRIME
)
"""The same for whoever is charged or suspected: nobody's victim is a criminal."""
OF_OTHERS = dict.fromkeys(("VIOLENCE", "VIOLENCE_SERIOUS"), _CONFLICT)
_MONTHS = (
    "januar",
    "februar",
    "marts",
    "april",
    "maj",
    "juni",
    "juli",
    "august",
    "september",
    "oktober",
    "november",
    "december",
)


def danish_date(day: date) -> str:
    """A date as a Danish letter writes it: 5. oktober 2026."""
    return f"{day.day}. {_MONTHS[day.month - 1]} {day.year}"


def danish_week(week: str) -> str:
    """An ISO week such as 2026-W38 in words: uge 38 i 2026."""
    year, number = week.split("-W")
    return f"uge {int(number)} i {year}"


def district_name(code: str) -> str:
    """Name of a police district (*politikreds*); the code itself where the table does not know it."""
    return DISTRICTS.get(code, f"politikreds {code}")


def reasons(facts: Iterable[tuple[str, Role]]) -> list[str]:
    """Suggested reasons for facts of these categories and roles, each once, in alphabetical order."""
    return sorted({_reason(category, role) for category, role in facts})


def _reason(category: str, role: Role) -> str:
    by_role = OF_THE_ACCUSED if role in ACCUSED else OF_OTHERS
    return REASONS.get(category) or by_role.get(category, OTHER_REASON)
