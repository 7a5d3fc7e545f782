"""For migrations: an index on a table that is in use, made without holding anybody up."""

from alembic import op


def create_concurrently(name: str, table: str, columns: str, *, unique: bool = False) -> None:
    """Make an index while others read and write. The migration must do nothing else: this is no transaction.

    An attempt that was broken off leaves an invalid index behind: it is removed first. Waiting is harmless here, because
    nobody waits behind it.
    """
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute(f"CREATE {'UNIQUE ' if unique else ''}INDEX CONCURRENTLY {name} ON {table} ({columns})")
