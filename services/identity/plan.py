"""How PostgreSQL is to look things up: a question about some thousand persons goes by index, in the order that it is written.

Right after a load the planner has no statistics of the register's tables, takes conditions that nearly every row meets for
rare ones, and reads everything again and again (measured with 20,000 adults: 88 s instead of 1 s). A look-up by index costs
the same whatever it believes, so a transaction that asks about given persons forbids it the rest. Only what the indexes of
`store.py` are made for may stand in a condition that picks rows: `kind = 'CPR'`, for instance, would be taken for a rare one.
"""

from services.runtime.transaction import Transaction

_BY_INDEX = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
    "join_collapse_limit": "1",
    "from_collapse_limit": "1",
    "max_parallel_workers_per_gather": "0",
}


def by_index(transaction: Transaction) -> None:
    """From here to the end of the transaction."""
    transaction.execute("; ".join(f"SET LOCAL {name} = {value}" for name, value in _BY_INDEX.items()))


def freely(transaction: Transaction) -> None:
    """Plan as the statistics say, where only analysed temporary tables are joined."""
    transaction.execute("; ".join(f"SET LOCAL {name} TO DEFAULT" for name in _BY_INDEX))
