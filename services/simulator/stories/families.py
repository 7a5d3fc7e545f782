"""Stories about who is tied to whom and where they live."""

from datetime import date

from msgspec.structs import replace

from services.simulator.cast import Cast
from services.simulator.codes import DISTURBANCE, EXPULSION, SUICIDE_ATTEMPT
from services.simulator.people import Address, Custody, Person
from services.simulator.rows import Row
from services.simulator.stories.registry import story

CROWD = 10
"""Adults at a crowded address; the household tie allows at most eight."""


def violent(cast: Cast, adult: Person) -> list[Row]:
    """Two pieces that meet R1, one of the past and one fresh."""
    return [cast.baseline(adult), cast.piece(adult)]


@story()
def household_adult(cast: Cast) -> None:
    """The mother's partner is no parent and lives with the child."""
    home = cast.home()
    mother, partner = cast.adult(home, "F"), cast.adult(home)
    cast.sent(cast.child(home, mother), [partner], violent(cast, partner), ["R1"])


@story()
def separated_parents(cast: Cast) -> None:
    """The child lives with its mother in another municipality; the father is still its father."""
    father = cast.adult(cast.home())
    home = cast.home(municipality=cast.elsewhere())
    child = cast.child(home, cast.adult(home, "F"), father)
    cast.sent(child, [father], violent(cast, father), ["R1"])


@story()
def two_households(cast: Cast) -> None:
    """The father elsewhere and the mother's partner both meet a rule: one notification with both."""
    father, home = cast.adult(cast.home(municipality=cast.elsewhere())), cast.home()
    mother, partner = cast.adult(home, "F"), cast.adult(home)
    rows = [*violent(cast, father), cast.piece(partner, SUICIDE_ATTEMPT)]
    cast.sent(cast.child(home, mother, father), [father, partner], rows, ["R1", "R4"])


@story()
def both_parents_one_case(cast: Cast) -> None:
    """Two parties of the same journal numbers: father involved, mother victim. One notification."""
    father, mother, child = cast.couple()
    rows = []
    for day in (1, 4):
        case = cast.piece(father, DISTURBANCE, day=day)
        rows += [
            case,
            cast.piece(mother, DISTURBANCE, day=day, role="victim", party=2, case=case),
        ]
    cast.sent(child, [father, mother], rows, ["R1"])


@story()
def siblings(cast: Cast) -> None:
    """Three children, one of them with its other parent elsewhere: one notification each."""
    father, mother, first = cast.couple()
    away = cast.home(municipality=cast.elsewhere())
    children = [
        first,
        cast.child(mother.addresses[-1], mother, father),
        cast.child(away, cast.adult(away, "F"), father),
    ]
    rows = violent(cast, father)
    for child in children:
        cast.sent(child, [father], rows, ["R1"])


@story()
def custody_holder(cast: Cast) -> None:
    """Neither a parent nor at the child's address, but holds custody."""
    home = cast.home()
    holder, child = (
        cast.adult(cast.home(municipality=cast.elsewhere())),
        cast.child(home, cast.adult(home, "F")),
    )
    held = [*child.custody, Custody(holder.cpr, "5", date(2025, 1, 1))]
    cast.sent(cast.amend(child, custody=held), [holder], violent(cast, holder), ["R1"])


@story()
def crowded_address(cast: Cast) -> None:
    """Too many adults at one address to say that they live together."""
    home = cast.home()
    child, adults = cast.child(home, cast.adult(home, "F")), [cast.adult(home) for _ in range(CROWD)]
    cast.nothing(child, adults[:1], "tie_excluded", rows=violent(cast, adults[0]))


def _care(cast: Cast, home: Address) -> None:
    child, other = cast.child(home, cast.adult(cast.home(), "F")), cast.adult(home)
    cast.nothing(child, [other], "tie_excluded", rows=violent(cast, other))


@story()
def shelter_household(cast: Cast) -> None:
    """Another resident of the shelter where the child stays."""
    _care(cast, cast.home("shelter"))


@story()
def institution_household(cast: Cast) -> None:
    """A grown-up registered at the institution where the child is placed."""
    _care(cast, cast.home("institution"))


@story()
def parent_at_shelter(cast: Cast) -> None:
    """The child's own mother at a shelter: no household tie is needed."""
    home = cast.home("shelter")
    mother = cast.adult(home, "F")
    rows = [cast.piece(mother, DISTURBANCE, day=day, role="victim") for day in (0, 3)]
    cast.sent(cast.child(home, mother), [mother], rows, ["R1"])


@story()
def incomplete_address(cast: Cast) -> None:
    """Same house number, but nobody knows whether same flat."""
    _care(cast, cast.home("incomplete"))


@story()
def protected_address(cast: Cast) -> None:
    """Name and address protection: notified, and the letter has no address."""
    home = cast.home()
    father, mother = cast.adult(cast.home(municipality=cast.elsewhere())), cast.adult(home, "F")
    child = cast.amend(cast.child(home, mother, father), protected=True)
    cast.amend(mother, protected=True)
    cast.sent(child, [father], [cast.baseline(father), cast.piece(father, EXPULSION)], ["R1"])


@story()
def moved_before(cast: Cast) -> None:
    """The family came from another municipality years ago: the present one is told."""
    father, mother, child = cast.couple()
    now = child.addresses[-1]
    day = date(2026, 3, 1)
    past = Address(cast.elsewhere(), now.road, "6998", "1", "", "", True, now.since, day)
    here = [past, replace(now, since=day)]
    for person in (father, mother, child):
        cast.amend(person, addresses=here)
    cast.sent(child, [father], violent(cast, father), ["R1"])


@story()
def no_fixed_address(cast: Cast) -> None:
    """A child without fixed address (status 03) has no household but has parents, and a municipality."""
    home = cast.home("nowhere")
    mother = cast.amend(cast.adult(home, "F"), status="03")
    child = cast.amend(cast.child(home, mother), status="03")
    cast.sent(child, [mother], violent(cast, mother), ["R1"])
