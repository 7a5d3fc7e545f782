"""The screening as one plain SQL query over both schemas, which no service may ask: what is the least that the database needs?"""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from events import weeks
from services.screening.domain import catalogue as rules
from services.screening.shelf import Shelf

QUERY = Path(__file__).with_name("plain.sql")
ADULT_YEARS = 18

Pair = tuple[UUID, UUID]


def ask(connection: "psycopg.Connection[Any]", week: str) -> tuple[float, set[Pair]]:
    """Seconds, and the pairs of adult and child, of the week that was run."""
    run = _one(connection, "SELECT run_id FROM screening.run WHERE week = %s", week)
    values = _values(week) | {"run": run, "begin": weeks.start(_one(connection, "SELECT min(week) FROM screening.run"))}
    begun = time.monotonic()
    found = connection.execute(QUERY.read_bytes(), values).fetchall()
    return time.monotonic() - begun, {(adult, child) for adult, child in found}


def found_by_run(connection: "psycopg.Connection[Any]", week: str) -> set[Pair]:
    """The pairs that the run itself has found."""
    query = """
        SELECT (a->>'person')::uuid, c.child FROM screening.candidate c JOIN screening.run r USING (run_id)
        CROSS JOIN jsonb_array_elements(convert_from(c.payload, 'UTF8')::jsonb->'adults') AS a WHERE r.week = %s
    """
    return set(connection.execute(query, (week,)).fetchall())


def _one(connection: "psycopg.Connection[Any]", query: str, *values: object) -> Any:
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return row[0]


def _values(week: str) -> dict[str, object]:
    catalogue = Shelf().entries[-1].catalogue
    counting = [
        (code.scheme, code.code, role, outcome, child_present)
        for code in catalogue.codes
        for child_present in (True, False)
        for role in rules.roles(catalogue, code.category, child_present)
        for outcome in catalogue.counting.outcomes
    ]
    members = [
        (rule.id, rule.pieces, rule.dates, weeks.months_before(week, rule.look_back_months), *key)
        for rule in catalogue.rules
        for key in rules.members(catalogue, rule)
    ]
    end = weeks.end(week)
    day = end.date() - timedelta(days=1)
    names = ("schemes", "codes", "roles", "outcomes", "presences")
    named = ("rules", "pieces", "dates", "sinces", "rule_schemes", "rule_codes")
    return {
        **{name: list(column) for name, column in zip(names, zip(*counting, strict=True), strict=True)},
        **{name: list(column) for name, column in zip(named, zip(*members, strict=True), strict=True)},
        "since": weeks.months_before(week, max(rule.look_back_months for rule in catalogue.rules)),
        "end": end,
        "day": day,
        "born_by": day.replace(year=day.year - ADULT_YEARS),
    }
