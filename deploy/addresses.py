"""Where everything listens: ports on 127.0.0.1, chosen at first start, remembered, and moved on when somebody else has them."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import msgspec

HOST = "127.0.0.1"
KAFKA, POSTGRES, SERVICES = 9392, 5632, 8700
SERVICE_PORTS = 10
"""Ports in the services' block: eight services, and two to spare."""
ELSEWHERE, PLACES, PLACE_SIZE = 20000, 600, 20
"""600 places of 20 ports, above the well-known services and below what systems give to outgoing connections (32768)."""


class AnotherSize(Exception):
    """The state folder was made with another number of brokers; the message says what to do."""


class Addresses(msgspec.Struct, frozen=True):
    """Ports of one system. `services` is the first of a block of `SERVICE_PORTS`, `kafka` of a block of two per broker."""

    kafka: int = KAFKA
    controller: int = KAFKA + 1
    postgres: int = POSTGRES
    services: int = SERVICES
    brokers: int = 1

    def of_brokers(self) -> list[tuple[int, int]]:
        """Each broker's two ports: for clients, and for controllers."""
        return [(self.kafka + 2 * place, self.controller + 2 * place) for place in range(self.brokers)]


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_block(first: int, size: int, free: Callable[[int], bool] = is_free) -> int:
    """First port of the first free block of this size at or after `first`, in steps of the block's size."""
    for start in range(first, 65000, size):
        if all(free(port) for port in range(start, start + size)):
            return start
    raise RuntimeError(f"no {size} free ports at or above {first}: stop something that listens on 127.0.0.1")


def load(state: Path) -> Addresses | None:
    """The remembered addresses; None before the first start."""
    path = state / "addresses.json"
    return msgspec.json.decode(path.read_bytes(), type=Addresses) if path.exists() else None


def save(state: Path, addresses: Addresses) -> None:
    """Remember the addresses, atomically."""
    spare = state / "addresses.new"
    spare.write_bytes(msgspec.json.format(msgspec.json.encode(addresses)))
    os.replace(spare, state / "addresses.json")


def elsewhere(state: Path) -> Addresses:
    """Where a passing system looks first: somewhere of its own, so that those started at the same moment do not collide."""
    first = ELSEWHERE + crc32(os.fsencode(state)) % PLACES * PLACE_SIZE
    return Addresses(first, first + 1, first + 8, first + 10)


def choose(state: Path, running: Callable[[str], bool], first: Addresses | None = None, brokers: int | None = None) -> Addresses:
    """Addresses for a start: those of what is `running(name)` stay, others move to the next free block where taken.

    `brokers`: how many; as remembered, or one, unless given. Raises AnotherSize when other than remembered.
    """
    remembered = load(state)
    if remembered and brokers and brokers != remembered.brokers:
        raise AnotherSize(f"{state} was made with BROKERS={remembered.brokers}: start it so, or `make clean` for {brokers}")
    wanted = remembered or first or Addresses()
    kafka, postgres, services = wanted.kafka, wanted.postgres, wanted.services
    size = brokers or wanted.brokers
    if not running("kafka"):
        kafka = free_block(kafka, 2 * size)
    if not running("postgres"):
        postgres = free_block(postgres, 1)
    if not running("services"):
        services = free_block(services, SERVICE_PORTS)
    chosen = Addresses(kafka, kafka + 1, postgres, services, size)
    if chosen != load(state):
        save(state, chosen)
    return chosen
