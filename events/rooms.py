"""The rooms in which clear personal data may lie. One constant; the leak test reads it and searches everywhere else."""

CLEAR_DATA_ROOMS: dict[str, str] = {
    "inbox": "the districts' extracts and the register's files, until they are archived",
    "identity": "identity's schema: the vault",
    "notification.letter": "approved letters, frozen",
    "notification.draft": "letters that wait for a person",
}
"""A folder of the state, a whole schema, or one table of a schema – and why it must hold clear data."""
