"""Engines that may be struck: one pair for each file of tests, whatever the session runs on."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from deploy.embedded.kafka import KafkaServer
from deploy.engines import EmbeddedEngines
from deploy.system import System
from deploy.testing import Choice, Running, embedded
from tests.chaos.counting import Counting

_numbers = count(1)


@pytest.fixture(scope="module")
def own() -> Iterator[Running]:
    found = embedded(Choice("embedded", "they are struck"))
    yield found
    found.stop()


@pytest.fixture
def servers(own: Running) -> EmbeddedEngines:
    assert own.embedded is not None
    return own.embedded


@pytest.fixture
def kafka(servers: EmbeddedEngines) -> KafkaServer:
    (node,) = servers.kafka.nodes
    return node


@pytest.fixture
def counting(own: Running, tmp_path: Path) -> Iterator[Counting]:
    system = System(tmp_path, f"c{next(_numbers)}", ("101",), own.engines)
    system.prepare()
    found = Counting(system)
    yield found
    found.close()
