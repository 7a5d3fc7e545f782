"""How PostgreSQL is to look things up: a question about some thousand persons goes by index, however the tables are.

Right after a load the planner has no statistics of the register's tables, takes conditions that nearly every row meets for
rare ones, and reads millions of rows again and again (measured: 88 s instead of 1 s). A look-up by index costs the same
whatever it believes, so that a transaction that asks about given persons forbids it the rest.
"""

from services.runtime.transaction import Transaction

_OTHERWISE = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")
_BY_INDEX = "; ".join(f"SET LOCAL {way} = off" for way in _OTHERWISE)
_FREELY = "; ".join(f"SET LOCAL {way} TO DEFAULT" for way in _OTHERWISE)


def by_index(transaction: Transaction) -> None:
    """From here to the end of the transaction."""
    transaction.execute(_BY_INDEX)


def freely(transaction: Transaction) -> None:
    """Plan as the statistics say, where only analysed temporary tables are joined."""
    transaction.execute(_FREELY)
