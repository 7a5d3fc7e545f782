"""What things are called on the engines: as declared, with the namespace before it where several systems share them (tests)."""


def on_kafka(namespace: str, name: str) -> str:
    """A topic, group or principal. Of the empty name: what all of them begin with."""
    return f"{namespace}.{name}" if namespace else name


def in_postgres(namespace: str, name: str) -> str:
    """A schema or role. Of the empty name: what all of them begin with."""
    return f"{namespace}_{name}" if namespace else name
