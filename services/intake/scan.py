"""Finds what is new or changed in the inbox and asks for it to be read. What has not changed is never looked at twice."""

from services.intake import handlers, store
from services.intake.domain.keyed import Keyed
from services.intake.domain.manifest import NAME
from services.intake.domain.reasons import Refusal
from services.intake.inbox import Inbox
from services.runtime.database import Store
from services.runtime.transaction import Transaction


class Scanner:
    """Looks at the inbox."""

    def __init__(self, database: Store, inbox: Inbox, keyed: Keyed) -> None:
        self._database = database
        self._inbox = inbox
        self._keyed = keyed

    def scan(self) -> None:
        """One look: ask for what is new or changed, in order; forget what was refused or waited and was taken away."""
        listing = self._inbox.listing()
        if listing is None:
            return
        shown = {name if NAME.fullmatch(name) else self._keyed.file_name(name): mark for name, mark in listing.items()}
        with self._database.transaction() as transaction:
            known = {row.name: row for row in transaction.execute(store.KNOWN)}
            for name, mark in shown.items():
                if name not in known or known[name].fingerprint != mark:
                    _arrived(transaction, name, mark)
            if gone := [name for name, row in known.items() if name not in shown and row.state != "accepted"]:
                transaction.execute(store.FORGET, {"names": gone})
            handlers.wake(transaction)


def _arrived(transaction: Transaction, name: str, mark: str) -> None:
    transaction.execute(store.ARRIVED, {"name": name, "fingerprint": mark, "now": transaction.now})
    if found := NAME.fullmatch(name):
        handlers.ask(transaction, name, found[1])
    else:
        handlers.refuse(transaction, name, mark, None, Refusal("name_mismatch"))
