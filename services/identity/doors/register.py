"""Who asks about people gets an answer from a whole register: no door but `/resolve` opens while a delivery is being read, nor
after it was refused half read, until that number has been delivered again and is read to its end.

Between two batches a child may have lost its old number and not yet have the new one, and a family may have left its home before
the next one moves out of theirs. An answer of that moment would be taken for good: a letter suppressed, a child never found.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from litestar.exceptions import ServiceUnavailableException

from services.identity.groups import lock_for_giving
from services.identity.register import files
from services.runtime.database import Store
from services.runtime.transaction import Transaction


@contextmanager
def whole_register(store: Store) -> Iterator[Transaction]:
    """A transaction that sees one version of the register from begin to end.

    Raises ServiceUnavailableException (503, which callers take for "later") while a delivery is being read, or half read.

    The lock comes first: what changes the register holds the other one (`lock_for_changing`), so a delivery that begins after the
    look changes nothing until this transaction ends.
    """
    with store.transaction() as transaction:
        lock_for_giving(transaction)
        if files.reading(transaction) is not None:
            raise ServiceUnavailableException("a register delivery is being read: ask again later")
        if files.half_read(transaction) is not None:
            raise ServiceUnavailableException("a register delivery was refused half read: ask again when it has come anew")
        yield transaction
