"""The 98 municipalities (*kommuner*) and 12 police districts (*politikredse*) of Denmark, as data.

Source: Danmarks Statistik's and the police's public lists, carried in `events/data/municipalities.csv`.
"""

import csv
from importlib.resources import files
from typing import NamedTuple


class Municipality(NamedTuple):
    """One municipality: three-digit code, Danish name, police district code, CVR number where it is public."""

    code: str
    name: str
    district: str
    cvr: str | None


def _rows() -> list[dict[str, str]]:
    text = files("events").joinpath("data/municipalities.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


MUNICIPALITIES: tuple[Municipality, ...] = tuple(
    Municipality(row["municipality_code"], row["municipality"], row["police_district_code"], row["cvr"] or None)
    for row in _rows()
)
DISTRICTS: dict[str, str] = {row["police_district_code"]: row["police_district"] for row in _rows()}
BY_CODE: dict[str, Municipality] = {municipality.code: municipality for municipality in MUNICIPALITIES}
