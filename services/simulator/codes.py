"""The codes that the simulator uses, with the category each has in the shipped catalogue.

Written down here on its own and not read from the catalogue: the truth must not come from what it checks.
"""

from typing import NamedTuple


class Code(NamedTuple):
    """A code in its scheme."""

    code: str
    scheme: str

    @property
    def incident(self) -> bool:
        """No offence but a disturbance, an illness and the like: nobody is charged with it, and no case is open or decided."""
        return self.scheme == "SYNTHETIC"

    @property
    def role(self) -> str:
        """The role of the person it is about, unless a story says otherwise."""
        return "involved" if self.incident else "charged"

    @property
    def outcome(self) -> str:
        """The outcome so far, unless a story says otherwise."""
        return "none" if self.incident else "open"


ASSAULT = Code("1252", "GER4")  # simpel vold: VIOLENCE
SERIOUS_ASSAULT = Code("1255", "GER4")  # alvorligere vold: VIOLENCE_SERIOUS, severe on its own
GRAVE_ASSAULT = Code("1258", "GER4")  # særlig alvorlig vold: VIOLENCE_SERIOUS, severe on its own
ATTEMPTED_HOMICIDE = Code("1240", "GER4")  # forsøg på manddrab: VIOLENCE_SERIOUS, severe on its own
ROBBERY = Code("1380", "GER4")  # røveri: VIOLENCE_SERIOUS
CHILD_ABUSE = Code("1131", "GER4")  # seksualforbrydelse mod barn: SEXUAL_CHILD, severe on its own
FAMILY_OFFENCE = Code("1455", "GER4")  # forbrydelse i familieforhold: FAMILY, severe on its own
DOMESTIC_ABUSE = Code("1250", "GER4")  # psykisk vold: VIOLENCE_DOMESTIC
THREATS = Code("1292", "GER4")  # trusler: THREATS
NARCOTICS = Code("1435", "GER4")  # salg af narkotika: DRUGS_SERIOUS
DRINK_DRIVING = Code("2210", "GER4")  # spirituskørsel: DUI
SHOPLIFTING = Code("1332", "GER4")  # butikstyveri: PROPERTY
TRAFFIC = Code("2610", "GER4")  # færdsel i øvrigt: not in the catalogue
DISTURBANCE = Code("H-001", "SYNTHETIC")  # husspektakler: H_DISTURBANCE
SUICIDE_THREAT = Code("H-002", "SYNTHETIC")  # selvmordstrussel: H_SUICIDE_THREAT
SUICIDE_ATTEMPT = Code("H-003", "SYNTHETIC")  # selvmordsforsøg: H_SUICIDE_ATTEMPT, severe on its own
MENTAL_ILLNESS = Code("H-004", "SYNTHETIC")  # psykisk syg: H_MENTAL_ILLNESS
INTOXICATED = Code("H-005", "SYNTHETIC")  # beruset person: H_INTOXICATED
CHILD_ALONE = Code("H-006", "SYNTHETIC")  # barn truffet alene: H_CHILD_ALONE, severe on its own
MISSING_PARENT = Code("H-007", "SYNTHETIC")  # forsvunden forælder: H_MISSING_PARENT
SEARCH = Code("H-008", "SYNTHETIC")  # ransagning med børn i hjemmet: H_SEARCH_CHILD
RESTRAINING = Code("H-009", "SYNTHETIC")  # tilhold: H_RESTRAINING
EXPULSION = Code("H-010", "SYNTHETIC")  # bortvisning: H_EXPULSION

ORDINARY = (
    ASSAULT,
    DOMESTIC_ABUSE,
    THREATS,
    DRINK_DRIVING,
    SHOPLIFTING,
    DISTURBANCE,
    SUICIDE_THREAT,
    MENTAL_ILLNESS,
    INTOXICATED,
    MISSING_PARENT,
    SEARCH,
    RESTRAINING,
    EXPULSION,
)
"""In the catalogue, and one piece alone meets no rule."""
OFFENCES = tuple(code for code in ORDINARY if not code.incident)
"""Of these somebody can be acquitted."""

VIOLENCE = (ASSAULT, DOMESTIC_ABUSE, THREATS, DISTURBANCE, RESTRAINING, EXPULSION)
"""Counted by R1 (gentagen vold)."""
INTOXICATION = (DRINK_DRIVING, INTOXICATED)
"""Counted by R2 (gentagen rus)."""
SEVERE = (
    SERIOUS_ASSAULT,
    GRAVE_ASSAULT,
    ATTEMPTED_HOMICIDE,
    CHILD_ABUSE,
    FAMILY_OFFENCE,
    SUICIDE_ATTEMPT,
    CHILD_ALONE,
)
"""R4 (alvorlig enkelt): one piece is enough."""
