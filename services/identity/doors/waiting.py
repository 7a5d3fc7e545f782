"""The clerk's queue: who waits because the register cannot say who it is, and what the clerk (*sagsbehandler*) decides about it.

Linking says that a number is a person whom the register knows; closing says that nobody can find out. Should the register
explain a number later, its word counts more than either.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from litestar.exceptions import ClientException, NotFoundException

from events.alias import Alias
from services.identity import groups
from services.runtime.transaction import Transaction

CloseReason = Literal["no_register_match", "not_a_person", "foreign_no_residence", "false_identity"]
"""Why nobody can find out: findes ikke i registret, ikke en person, udlænding uden bopæl, falsk identitet."""
LISTED = 1_000
"""Rows that are shown at once, oldest first."""

_LIST = """
    SELECT s.pseudonym, s.kind, s.number, s.since FROM pseudonym s
    WHERE s.standing = 'waiting' AND s.canonical = s.pseudonym ORDER BY s.since, s.pseudonym LIMIT :limit
"""
_OPEN = (
    "SELECT EXISTS (SELECT FROM pseudonym WHERE pseudonym = :pseudonym AND canonical = pseudonym AND standing <> 'identified')"
)
# The number at the end of the chain: the one that neither the register nor a clerk has explained.
_UNEXPLAINED = """
    SELECT kind, number FROM identity i WHERE pseudonym = :pseudonym
        AND NOT EXISTS (SELECT FROM person p WHERE i.kind = 'CPR' AND p.cpr = i.number)
        AND NOT EXISTS (SELECT FROM link l WHERE l.kind = i.kind AND l.number = i.number)
    ORDER BY borrowed, kind, number LIMIT 1
"""
_PERSON = "SELECT EXISTS (SELECT FROM person WHERE cpr = :cpr)"
_LINK = "INSERT INTO link (kind, number, cpr, actor, at) VALUES (:kind, :number, :cpr, :actor, :now)"
_CLOSE = """
    UPDATE pseudonym SET standing = 'unidentifiable', reason = :reason, version = version + 1
    WHERE pseudonym = :pseudonym AND canonical = pseudonym AND standing = 'waiting' RETURNING version
"""


class Waiting(msgspec.Struct, frozen=True):
    """Somebody who waits: the number as the police wrote it, and since when."""

    pseudonym: UUID
    kind: str
    number: str
    since: datetime


class LinkRequest(msgspec.Struct, frozen=True):
    """Who it is."""

    cpr: str


class CloseRequest(msgspec.Struct, frozen=True):
    """Why nobody can find out."""

    reason: CloseReason


def list_waiting(transaction: Transaction, actor: str) -> list[Waiting]:
    """Who waits, oldest first."""
    rows = [Waiting(*row) for row in transaction.execute(_LIST, {"limit": LISTED})]
    subjects = [row.pseudonym for row in rows]
    transaction.audit("consultation", "waiting_listed", purpose="identification", actor=actor, subjects=subjects)
    return rows


def link(transaction: Transaction, pseudonym: UUID, request: LinkRequest, actor: str) -> None:
    """Say who it is; holders of the pseudonym are told."""
    groups.lock_for_changing(transaction)
    number = transaction.execute(_UNEXPLAINED, {"pseudonym": pseudonym}).one_or_none()
    if number is None or not transaction.execute(_OPEN, {"pseudonym": pseudonym}).scalar_one():
        raise NotFoundException("nobody waits under this pseudonym")
    if not transaction.execute(_PERSON, {"cpr": request.cpr}).scalar_one():
        raise ClientException("not valid: cpr (the register does not know it)")
    values = {"kind": number.kind, "number": number.number, "cpr": request.cpr, "actor": actor, "now": transaction.now}
    transaction.execute(_LINK, values)
    groups.tell(transaction, groups.regroup(transaction, [(number.kind, number.number)]), str(pseudonym))
    transaction.audit("combination", "waiting_linked", purpose="identification", actor=actor, subjects=[pseudonym])


def close(transaction: Transaction, pseudonym: UUID, request: CloseRequest, actor: str) -> None:
    """Say that nobody can find out; holders of the pseudonym are told."""
    groups.lock_for_changing(transaction)
    values = {"pseudonym": pseudonym, "reason": request.reason}
    version = transaction.execute(_CLOSE, values).scalar_one_or_none()
    if version is None:
        raise NotFoundException("nobody waits under this pseudonym")
    groups.publish(transaction, Alias(pseudonym, pseudonym, "unidentifiable"), version, str(pseudonym))
    transaction.audit(
        "alteration", "waiting_closed", purpose="identification", actor=actor, subjects=[pseudonym], reason=request.reason
    )
