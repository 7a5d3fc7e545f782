"""Where a person stands in the register at a moment: what may still be written about whom, and to which municipality."""

from datetime import date

from events.http.identity import RegisterStanding

STANDINGS: dict[str, RegisterStanding] = {
    "01": "resident",
    "03": "no_fixed_address",
    # Greenland has its own authorities: for a Danish municipality the child has left.
    "05": "emigrated",
    "07": "emigrated",
    "30": "annulled",
    "50": "annulled",
    "70": "disappeared",
    "80": "emigrated",
    "90": "dead",
}
"""Register status (*personstatus*) to what it means for a child. 20 (administrative number) and 60 say nothing: unknown."""
LIVES_HERE: frozenset[RegisterStanding] = frozenset({"resident", "no_fixed_address"})


def standing(status: str, since: date, on: date, municipality: str | None) -> RegisterStanding:
    """Standing on a day. A status that only begins later does not hold yet for somebody who still has an address."""
    if since > on and municipality is not None:
        return "resident"
    return STANDINGS.get(status, "unknown")
