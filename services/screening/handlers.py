"""What screening does with each kind of event: records and aliases become evidence, extracts say what has been covered."""

from collections.abc import Sequence

from events.alias import Alias
from events.extract import Extract
from events.record import Record
from services.runtime.events import Event
from services.runtime.transaction import Transaction
from services.screening import groups, records
from services.screening.copying import look_up_by_index, temporary
from services.screening.evidence import TOUCHED, announce, refresh
from services.screening.shelf import Shelf

_ALIAS = """
    INSERT INTO alias (pseudonym, canonical, standing, version)
    SELECT * FROM unnest(
        CAST(:pseudonyms AS uuid[]), CAST(:canonicals AS uuid[]), CAST(:standings AS text[]), CAST(:versions AS bigint[]))
    ON CONFLICT (pseudonym) DO UPDATE
    SET canonical = excluded.canonical, standing = excluded.standing, version = excluded.version
"""
_OF_PERSONS = """
    INSERT INTO touched (evidence_id, live, tip)
    SELECT e.evidence_id, e.live, e.tip FROM record r JOIN evidence e ON e.evidence_id = r.evidence_id AND e.tip = r.record_id
    WHERE r.person = ANY(:pseudonyms)
"""
_EXTRACT = """
    INSERT INTO extract (district, sequence, covers_until, through) VALUES (:district, :sequence, :covers_until, :through)
    ON CONFLICT (district, sequence) DO UPDATE SET covers_until = excluded.covers_until, through = excluded.through
"""


class Handlers:
    """Effects of events, with the shelf of catalogues for what has to be published again."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def on_records(self, transaction: Transaction, events: Sequence[Event[Record]]) -> None:
        """Store records and derive their evidence."""
        if again := records.apply(transaction, events):
            announce(transaction, again, self.shelf.lookup(transaction))

    def on_aliases(self, transaction: Transaction, events: Sequence[Event[Alias]]) -> None:
        """Remember who somebody is and derive all evidence of these pseudonyms anew."""
        transaction.execute(groups.LOCK)
        look_up_by_index(transaction)
        pseudonyms = [event.data.pseudonym for event in events]
        values = {
            "pseudonyms": pseudonyms,
            "canonicals": [event.data.canonical for event in events],
            "standings": [event.data.standing for event in events],
            "versions": [event.version for event in events],
        }
        transaction.execute(_ALIAS, values)
        temporary(transaction, "touched", TOUCHED)
        transaction.execute(_OF_PERSONS, {"pseudonyms": pseudonyms})
        if again := refresh(transaction):
            announce(transaction, again, self.shelf.lookup(transaction))

    def on_extracts(self, transaction: Transaction, events: Sequence[Event[Extract]]) -> None:
        """Note what districts have delivered."""
        rows = [
            {
                "district": event.data.district,
                "sequence": event.data.sequence,
                "covers_until": event.data.covers_until,
                "through": event.data.through,
            }
            for event in events
        ]
        transaction.execute(_EXTRACT, rows)
