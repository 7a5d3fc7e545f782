"""What audit does with events: entries get their place in the log, aliases go to the alias table."""

from collections.abc import Sequence

from events.alias import Alias
from events.audit import AuditEntry
from services.audit import sequencer, store
from services.audit.domain import NotSealable, Sealed, SourceDisagrees, seal
from services.runtime.errors import Poison
from services.runtime.events import Event
from services.runtime.transaction import Transaction


def on_entries(transaction: Transaction, events: Sequence[Event[AuditEntry]]) -> None:
    """Append entries of one topic; the source is the topic's, the number the envelope's position."""
    sealed: dict[int, Sealed] = {}
    for event in events:
        entry = _sealed(event)
        if sealed.setdefault(event.position, entry) != entry:
            raise Poison("number_repeated_with_other_content")
    sequencer.append(transaction, events[0].topic.writer, sealed)


def _sealed(event: Event[AuditEntry]) -> Sealed:
    if event.position < 1:
        raise Poison("number_below_one")
    try:
        return seal(event.data, event.topic.writer, event.position)
    except SourceDisagrees:
        raise Poison("source_disagrees_with_topic") from None
    except NotSealable as error:
        raise Poison(str(error)) from None


def on_aliases(transaction: Transaction, events: Sequence[Event[Alias]]) -> None:
    """Remember whose each pseudonym is now; rows of the log keep the pseudonym that they were written with."""
    values = {
        "pseudonyms": [event.data.pseudonym for event in events],
        "canonicals": [event.data.canonical for event in events],
    }
    transaction.execute(store.SAVE_ALIASES, values)
