"""Whether the next week can be run, and what it waits for: in order, over, due, all districts, all records, a catalogue."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import time

from events import weeks
from events.municipalities import DISTRICTS
from events.topics import RECORD
from services.runtime.transaction import Transaction
from services.screening.shelf import Shelf

RUN_AT = time(5)
"""Monday, Danish time: extracts have come over night, and the drafts are there when people come to work."""
DEADLINE = time(12)
"""Monday, Danish time: from then on a person may run the week without a district that has not delivered."""

_LAST = "SELECT week, status FROM run ORDER BY week DESC LIMIT 1"
# What a district covers is said by its highest extract before the first gap.
_COVERING = """
    SELECT district FROM (
        SELECT district, sequence, covers_until, row_number() OVER (PARTITION BY district ORDER BY sequence) AS place FROM extract
    ) AS ordered WHERE sequence = place GROUP BY district HAVING max(covers_until) >= :end
"""
_DEAD = "SELECT count(*) FROM dead_letter WHERE topic = :topic AND redriven_at IS NULL"
_ON_THE_WAY = """
    SELECT needed.partition FROM (
        SELECT (t.place - 1)::int AS partition, max(t.last) AS last
        FROM extract, unnest(through) WITH ORDINALITY AS t (last, place) GROUP BY 1
    ) AS needed LEFT JOIN received r ON r.topic = :topic AND r.partition = needed.partition
    WHERE needed.last > 0 AND NOT coalesce(r.seen @> int8range(1, needed.last + 1), false) ORDER BY 1
"""


@dataclass(frozen=True)
class Plan:
    """When weeks are run, from which on, and how many candidates one run may have at all."""

    first_week: str
    ceiling: int
    run_at: time = RUN_AT
    deadline: time = DEADLINE


def next_week(transaction: Transaction, plan: Plan) -> str:
    """The week after the last that was run."""
    last = transaction.execute(_LAST).one_or_none()
    return weeks.following(last.week) if last else plan.first_week


def missing(transaction: Transaction, week: str) -> list[str]:
    """Districts whose extracts do not cover the end of a week."""
    covering = set(transaction.execute(_COVERING, {"end": weeks.end(week)}).scalars())
    return sorted(DISTRICTS.keys() - covering)


def refusals(transaction: Transaction, week: str, plan: Plan, without: Collection[str]) -> list[str]:
    """Why a week may not be run without these districts, whatever else is the case."""
    found = [f"district {each} is not missing" for each in sorted(set(without) - set(missing(transaction, week)))]
    deadline = weeks.after_end(week, plan.deadline)
    if without and transaction.now < deadline:
        found.append(f"only after {deadline.isoformat()} may a week be run without a district")
    return found


def waits(
    transaction: Transaction, week: str, plan: Plan, shelf: Shelf, *, scheduled: bool, without: Collection[str]
) -> list[str]:
    """What the next week waits for; empty when it can be run. The schedule waits for its hour, a person for the week's end."""
    found = []
    last = transaction.execute(_LAST).one_or_none()
    if last and last.status == "braked":
        found.append(f"run {last.week} was stopped by the brake and waits for release")
    begin = weeks.after_end(week, plan.run_at) if scheduled else weeks.end(week)
    if transaction.now < begin:
        found.append(f"not before {begin.isoformat()}")
    found += [f"district {each} has not delivered" for each in missing(transaction, week) if each not in without]
    found += _on_the_way(transaction)
    if shelf.approved(transaction, week) is None:
        found.append(f"no approved catalogue is valid for {week}: an approver must approve one")
    return found


def _on_the_way(transaction: Transaction) -> list[str]:
    """Partitions of which not every record has been handled, and whether one was set aside (then waiting alone does not help)."""
    topic = {"topic": RECORD.name}
    partitions = transaction.execute(_ON_THE_WAY, topic).scalars().all()
    dead = transaction.execute(_DEAD, topic).scalar_one() if partitions else 0
    found = [f"records of partition {each} are on the way" for each in partitions]
    return [*found, f"{dead} records are dead letters: redrive them"] if dead else found
