"""Rows into temporary tables: COPY, then everything else is one statement for the whole batch.

The tables live as long as the session and are emptied at each commit; making them anew each time would bloat
the system catalogue.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg.sql import SQL, Identifier

from services.runtime.transaction import Transaction


def temporary(transaction: Transaction, name: str, columns: str) -> None:
    """An empty temporary table of this name; `columns` is its SQL definition."""
    transaction.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} ({columns}) ON COMMIT DELETE ROWS")


def copy(transaction: Transaction, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows into a table."""
    names = SQL(", ").join(map(Identifier, columns))
    statement = SQL("COPY {} ({}) FROM STDIN").format(Identifier(table), names)
    with transaction.driver.cursor() as cursor, cursor.copy(statement) as stream:
        for row in rows:
            stream.write_row(row)


def copy_text(transaction: Transaction, table: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write rows of texts into a table; the empty text is NULL. A third of the time that the driver's own conversions take."""
    names = SQL(", ").join(map(Identifier, columns))
    statement = SQL("COPY {} ({}) FROM STDIN (NULL '')").format(Identifier(table), names)
    with transaction.driver.cursor() as cursor, cursor.copy(statement) as stream:
        stream.write("".join(map(line, rows)))


def line(values: Sequence[str]) -> str:
    """A row in COPY's text format."""
    joined = "\t".join(values)
    if joined.count("\t") >= len(values) or "\\" in joined or "\n" in joined or "\r" in joined:
        joined = "\t".join(value.translate(_ESCAPED) for value in values)
    return joined + "\n"


_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def look_up_by_index(transaction: Transaction) -> None:
    """For the rest of this transaction, join by looking up each row of a batch.

    The planner knows nothing of a batch's size and would read whole tables instead; a batch is small against any of them.
    """
    transaction.execute("SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)")
