"""One line of the doctor's report."""

from typing import Literal

import msgspec

Level = Literal["ok", "warn", "bad"]


class Finding(msgspec.Struct, frozen=True):
    """What was looked at and how it is. `mend` is the command or act that helps; empty exactly when it is well."""

    level: Level
    check: str
    what: str
    mend: str = ""


class Report(msgspec.Struct, frozen=True):
    """All findings of one service. `at` is its machine's clock (Unix seconds), `cluster` the Kafka that it talks to."""

    service: str
    at: float
    cluster: str
    findings: list[Finding]


def ok(check: str, what: str) -> Finding:
    """All is well."""
    return Finding("ok", check, what)


def warn(check: str, what: str, mend: str) -> Finding:
    """Somebody should look at it today."""
    return Finding("warn", check, what, mend)


def bad(check: str, what: str, mend: str) -> Finding:
    """The week's work is at risk."""
    return Finding("bad", check, what, mend)
