"""The fates of failures. Every failure is one of three; whoever raises decides which.

*Transient*: try again – own database and broker in place, anything else as work. *Poison*: this one input cannot be
handled; it goes to the dead letters with its origin and reason and the rest goes on. *Fatal*: the process must not go on.

The database driver and the JSON decoder quote values in their messages, so `describe` gives only what is safe to log:
class, SQLSTATE, constraint, field path – never the message.
"""

import re
import traceback

import httpx
import msgspec
import psycopg
from kafka.errors import KafkaError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree


class Transient(Exception):
    """Try again later; `str()` is a reason code without personal data."""


class Poison(Exception):
    """This input can never be handled; `str()` is a reason code without personal data."""


class Fatal(Exception):
    """Stop the process; `str()` says what to mend."""


_FIELD_PATH = re.compile(r"at `([^`]*)`")


def is_transient(error: BaseException) -> bool:
    """Whether trying the same thing again can help."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500 or error.response.status_code == 429
    if isinstance(error, DBAPIError):
        ended = isinstance(error.orig, psycopg.errors.IdleInTransactionSessionTimeout)
        return ended or error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    # COPY runs on the driver's own connection, whose errors SQLAlchemy does not wrap.
    away = (psycopg.OperationalError, psycopg.InterfaceError, NoConnectionFree)
    return isinstance(error, (Transient, KafkaError, httpx.TransportError, *away))


def blames_input(error: BaseException) -> bool:
    """Whether it is the input that cannot be handled: not what passes, and nothing that must stop the process."""
    return not isinstance(error, Fatal) and not is_transient(error)


def describe(error: BaseException) -> str:
    """What may be logged of an error: its class and, where known, SQLSTATE, constraint, status or field path."""
    name = type(error).__name__
    if isinstance(error, Transient | Poison | Fatal):
        return f"{name}: {error}"
    if isinstance(error, DBAPIError | psycopg.Error):
        cause = error.orig if isinstance(error, DBAPIError) else error
        diagnosis, state = getattr(cause, "diag", None), getattr(cause, "sqlstate", None)
        return f"{name} sqlstate={state} constraint={getattr(diagnosis, 'constraint_name', None)}"
    if isinstance(error, msgspec.ValidationError):
        found = _FIELD_PATH.search(str(error))
        return f"{name} field={found.group(1) if found else '$'}"
    if isinstance(error, httpx.HTTPStatusError):
        return f"{name} status={error.response.status_code} door={error.request.url.path}"
    return name


def where(error: BaseException) -> str:
    """File and line of the innermost frames, for the log; no values."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return " < ".join(f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno}" for frame in reversed(frames))
