"""Register lines as rows for COPY, in PostgreSQL's text format.

Only names can hold anything that the format would take for its own; forms.py has looked at all other texts.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from services.identity.domain.lines import AddressPart, InstitutionLine, PersonLine

NULL = "\\N"
STILL = "infinity"


def person_rows(persons: Iterable[PersonLine]) -> str:
    """Rows of `person`."""
    return "".join(
        f"{line.cpr}\t{line.current_cpr or NULL}\t{escaped(line.name)}\t{line.status}\t{line.status_since.isoformat()}"
        f"\t{line.birth_date.isoformat()}\t{line.sex}\t{'t' if line.protected else 'f'}\n"
        for line in persons
    )


def address_rows(persons: Iterable[PersonLine]) -> str:
    """Rows of `address`."""
    return "".join(
        f"{line.cpr}\t{place.municipality}\t{home(place) if place.house else NULL}\t{complete(place)}"
        f"\t{place.since.isoformat()}\t{place.until.isoformat() if place.until else STILL}\n"
        for line in persons
        for place in line.addresses
    )


def parent_rows(persons: Iterable[PersonLine]) -> str:
    """Rows of `parent`."""
    return "".join(f"{line.cpr}\t{parent.cpr}\t{parent.kind}\n" for line in persons for parent in line.parents)


def custody_rows(persons: Iterable[PersonLine]) -> str:
    """Rows of `custody`."""
    return "".join(
        f"{line.cpr}\t{holder.cpr}\t{holder.type}"
        f"\t{holder.since.isoformat()}\t{holder.until.isoformat() if holder.until else STILL}\n"
        for line in persons
        for holder in line.custody
    )


def identity_rows(pseudonyms: Mapping[str, UUID]) -> str:
    """Rows of `identity` for CPR numbers: kind, number, pseudonym."""
    return "".join(f"CPR\t{cpr}\t{pseudonym.hex}\n" for cpr, pseudonym in pseudonyms.items())


def institution_rows(places: Iterable[InstitutionLine]) -> str:
    """Rows of `institution`."""
    return "".join(f"{home(place)}\t{place.type}\n" for place in places)


def complete(place: AddressPart) -> bool:
    """Whether an address is a unit of its own: a house on a road with floor and door, or one without floors."""
    return bool(place.road_code and place.house and ((place.floor and place.door) or place.single_unit))


def home(place: AddressPart | InstitutionLine) -> str:
    """The household key: whoever is registered under the same one lives in the same place.

    Suppliers write `2. TV` and `12a` as well as `2`, `tv` and `12A`, so case and points are dropped.
    """
    floor, door = _plain(place.floor), _plain(place.door)
    return f"{place.municipality}/{place.road_code or ''}/{(place.house or '').upper()}/{floor}/{door}"


def _plain(text: str | None) -> str:
    return text.lower().strip(".") if text else ""


def escaped(text: str) -> str:
    """A text that COPY reads as it is."""
    return text.replace("\\", "\\\\") if "\\" in text else text
