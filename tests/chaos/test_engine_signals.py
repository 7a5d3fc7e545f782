"""Kafka and PostgreSQL are killed and paused under a relay and a consumer at work: each fact is applied once."""

import signal

import pytest

from deploy.engines import EmbeddedEngines
from deploy.waiting import pause
from tests.chaos import engine_signals
from tests.chaos.counting import Counting

PAUSE_SECONDS = 12.0
"""Longer than the clients' timeouts (10 s), a lease (5 s) and the broker's own session (3 s)."""
pytestmark = pytest.mark.engines


@pytest.mark.parametrize("name", engine_signals.ENGINES)
def test_an_engine_dies_in_the_middle(counting: Counting, servers: EmbeddedEngines, name: str) -> None:
    with counting.relaying(), counting.consuming():
        counting.write(50)
        assert engine_signals.kill(servers, name)
        if name == "kafka":
            counting.write(50)
        engine_signals.start(servers, name)
        counting.write(50)
        counting.wait()
    assert counting.each_once()


@pytest.mark.parametrize("name", engine_signals.ENGINES)
def test_an_engine_stands_still_for_longer_than_anybody_waits(counting: Counting, servers: EmbeddedEngines, name: str) -> None:
    with counting.relaying(), counting.consuming():
        counting.write(50)
        assert engine_signals.signal_all(servers, name, signal.SIGSTOP)
        pause(PAUSE_SECONDS)
        engine_signals.signal_all(servers, name, signal.SIGCONT)
        engine_signals.start(servers, name)
        counting.write(50)
        counting.wait()
    assert counting.each_once()
