"""Rotation: every secret can be replaced while the system runs, without a lost or doubled message.

A log-in is replaced in the secrets folder and in its engine; services read it anew whenever they connect, and are restarted in
order, so that no session of the old one is left. What is on its way meanwhile is tried again: nothing is lost by waiting.
An interrupted rotation is simply begun again.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from deploy.provision.postgres import declarations
from deploy.rotation.keys import RINGS, KeyRing, MunicipalKey
from deploy.rotation.logins import KafkaAdmin, KafkaController, KafkaLogin, PostgresAdmin, PostgresLogin
from deploy.rotation.tokens import Token
from deploy.secrets import LEDGER_READER, kafka_principals, people
from deploy.system import System
from services.runtime.settings import SERVICES


class CannotRotate(Exception):
    """There is no such secret, or it is not ours to change; the message says which there are."""


class Change(Protocol):
    """The replacement of one secret. `restarts`: services that may hold the old one; `restarts_kafka` likewise."""

    restarts: Sequence[str]
    restarts_kafka: bool

    def apply(self) -> None:
        """Put the new one in place; the old one may still be good."""

    def finish(self) -> None:
        """Make the old one worthless, now that nobody holds it."""

    def drop_old(self) -> None:
        """Where people must take over the new one themselves: make the old one worthless."""


def changes(system: System) -> dict[str, Change]:
    """Every secret that can be rotated, by the name of its file."""
    codes = system.municipalities
    found: dict[str, Change] = {f"kafka-{each}": KafkaLogin(system, each) for each in kafka_principals(codes)}
    found |= {
        f"postgres-{each}": PostgresLogin(system, each) for each in (*(store.service for store in declarations()), LEDGER_READER)
    }
    found |= {f"http-{each.principal}": Token(system, each.principal) for each in people(codes)}
    found |= {f"municipality-{code}": MunicipalKey(system, code) for code in codes}
    found |= {name: KeyRing(system, name) for name in RINGS}
    if system.owns_engines:
        found |= {
            "kafka-admin": KafkaAdmin(system),
            "kafka-controller": KafkaController(system),
            "postgres-admin": PostgresAdmin(system),
        }
    return found


def check(system: System, names: Iterable[str], *, certificates: bool = False) -> None:
    """Before anything is touched: raise CannotRotate where there is no such secret, or are no certificates."""
    known = changes(system)
    if unknown := [name for name in names if name not in known]:
        raise CannotRotate(f"no such secret to rotate here: {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    if certificates and not system.embedded.certificates.exist:
        raise CannotRotate("connections are not encrypted here: `SOCIALSOG_TLS=on make start`")


def rotate(system: System, names: Iterable[str], drop_old: bool = False) -> None:
    """Replace these secrets (`drop_old`: make the old ones worthless that people had to take over). Raises CannotRotate."""
    known, wanted = changes(system), list(names)
    check(system, wanted)
    chosen = [known[name] for name in wanted]
    if drop_old:
        for change in chosen:
            change.drop_old()
        return
    for change in chosen:
        change.apply()
    system.prepare()
    if any(change.restarts_kafka for change in chosen):
        system.restart_kafka()
    system.restart_services(sorted({name for change in chosen for name in change.restarts}, key=SERVICES.index))
    for change in chosen:
        change.finish()


def rotate_certificates(system: System) -> None:
    """Replace the authority and every certificate: first all trust both, then all show new ones, then nobody trusts the old."""
    check(system, (), certificates=True)
    certificates = system.embedded.certificates
    certificates.new_authority()
    certificates.trust_also_present()
    system.restart_services(SERVICES)
    certificates.issue()
    if system.owns_engines:
        system.restart_kafka()
    system.restart_services(SERVICES)
    certificates.trust_only_present()
    system.restart_services(SERVICES)
