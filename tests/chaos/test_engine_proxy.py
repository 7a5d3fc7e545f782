"""Lines between a service and its engines that are cut, refused, slow: each fact is applied once."""

from collections.abc import Callable, Iterator

import pytest

from deploy import guardian
from deploy.system import System
from deploy.waiting import pause
from tests.chaos.counting import Counting
from tests.chaos.engine_proxy import Proxy, put_before

BAD_SECONDS = 5.0
"""Longer than a lease; the long run has lines that are bad for longer than the clients' timeouts."""
pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Counting, dict[str, Proxy]]]:
    folder = tmp_path_factory.mktemp("line")
    system = System(folder / "state", "line", ("101",))
    proxies = put_before(system)
    guardian.watch(system.state, remove=True)
    system.start_engines()
    system.prepare()
    counting = Counting(system)
    yield counting, proxies
    counting.close()
    system.stop()
    system.embedded.postgres.remove()
    for proxy in proxies.values():
        proxy.close()


def refuse(proxy: Proxy) -> None:
    proxy.refusing = True
    proxy.cut()


def delay(proxy: Proxy) -> None:
    proxy.delay = 0.3


def throttle(proxy: Proxy) -> None:
    proxy.rate = 50_000


@pytest.mark.parametrize("name", ["kafka", "postgres"])
@pytest.mark.parametrize("harm", [Proxy.cut, refuse, delay, throttle])
def test_a_bad_line(line: tuple[Counting, dict[str, Proxy]], name: str, harm: Callable[[Proxy], None]) -> None:
    counting, proxies = line
    with counting.relaying(), counting.consuming():
        counting.write(50)
        felt = proxies[name].felt
        harm(proxies[name])
        if name == "kafka":
            counting.write(50)
        pause(BAD_SECONDS)
        assert proxies[name].felt > felt, "the services' connections go through the proxy"
        proxies[name].mend()
        counting.write(50)
        counting.wait()
    assert counting.each_once()
