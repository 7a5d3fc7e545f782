"""`/residence`: where these children live at a moment, and whether they may still be written about."""

from events.http.identity import ChildResidence, ResidenceAnswer, ResidenceRequest
from events.weeks import danish_date
from services.identity.domain.ages import OF_AGE, age_years
from services.identity.domain.residence import LIVES_HERE, standing
from services.identity.doors.people import canonical, known
from services.runtime.transaction import Transaction


def residence(transaction: Transaction, request: ResidenceRequest, actor: str) -> ResidenceAnswer:
    """One entry per child asked for, in order; `unknown` where the register has no current line."""
    day = danish_date(request.at)
    people = known(transaction, request.children, day)
    who = canonical(transaction, request.children)
    answer = []
    for child in request.children:
        person = people.get(child)
        if person is None:
            answer.append(ChildResidence(child, who[child], "unknown", False, None, False))
            continue
        now = standing(person.status, person.status_since, day, person.municipality)
        municipality = person.municipality if now in LIVES_HERE else None
        under_18 = age_years(person.birth_date, day) < OF_AGE
        answer.append(ChildResidence(child, who[child], now, under_18, municipality, person.protected))
    transaction.audit(
        "consultation",
        "residence",
        purpose="delivery",
        actor=actor,
        recipient="delivery",
        subjects=sorted(set(request.children)),
        children=len(request.children),
    )
    return ResidenceAnswer(answer)
