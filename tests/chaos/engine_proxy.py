"""Connections that are cut, refused, delayed and slowed: a proxy between the services and each engine.

`put_before(system)` puts one before Kafka and one before PostgreSQL, before either starts: Kafka tells its clients the proxy's
port, the services' settings name it. Administrators connect to PostgreSQL directly.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Event as Signal
from threading import Thread

from deploy.addresses import HOST
from deploy.system import System
from tests.chaos.scene import Scene
from tests.chaos.strikes import Simple, Strike
from tests.chaos.tally import Struck

CHUNK = 1 << 16
SECONDS = (0.5, 15.0)
"""How long a line is bad: beyond the clients' timeouts (10 s), too."""
DELAYS_SECONDS = (0.02, 1.0)
RATES = (10_000, 1_000_000)
"""Bytes per second and direction: from a telephone line to a bad office network."""


class Proxy:
    """Passes on what it gets, as well as it is told to. All its settings may be changed at any time. `felt` counts what was cut,
    refused, delayed or slowed.
    """

    def __init__(self, target: Callable[[], int]) -> None:
        self.target = target
        self.refusing = False
        self.delay = 0.0
        self.rate: float | None = None
        self.felt = 0
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._listening = Signal()
        self._thread = Thread(target=self._loop.run_until_complete, args=(self._serve(),), name="proxy", daemon=True)
        self._thread.start()
        self._listening.wait()

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        server = await asyncio.start_server(self._pass_on, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._end.wait()
        server.close()
        self._abort()
        await asyncio.sleep(0)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        self._writers.add(writer)
        with suppress(OSError):
            if self.refusing:
                self.felt += 1
            else:
                beyond, onward = await asyncio.open_connection(HOST, self.target())
                ends.append(onward)
                self._writers.add(onward)
                await asyncio.gather(self._pump(reader, onward), self._pump(beyond, writer), return_exceptions=True)
        for end in ends:
            end.transport.abort()
            self._writers.discard(end)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK):
            longer = self.delay + (len(chunk) / self.rate if self.rate else 0.0)
            self.felt += longer > 0
            await asyncio.sleep(longer)
            writer.write(chunk)
            await writer.drain()
        writer.transport.abort()

    def _abort(self) -> None:
        for writer in self._writers:
            self.felt += not writer.transport.is_closing()
            writer.transport.abort()

    def cut(self) -> None:
        """Cut every connection."""
        self._loop.call_soon_threadsafe(self._abort)

    def mend(self) -> None:
        """A good line again."""
        self.refusing, self.delay, self.rate = False, 0.0, None

    def close(self) -> None:
        """Cut everything and listen no more."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)
        self._loop.close()


_BEFORE: dict[Path, dict[str, Proxy]] = {}


def put_before(system: System) -> dict[str, Proxy]:
    """A proxy before each engine of a system whose engines are its own and not started yet. Close them after it."""
    servers = system.embedded
    proxies = {
        "kafka": Proxy(lambda: servers.addresses.kafka),
        "postgres": Proxy(lambda: servers.addresses.postgres),
    }
    servers.advertised_port = proxies["kafka"].port
    system.extra |= {
        "KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{proxies['kafka'].port}",
        "DATABASE_URL": f"postgresql://{HOST}:{proxies['postgres'].port}/socialsog",
    }
    _BEFORE[system.state] = proxies
    return proxies


def _cut(proxy: Proxy, chance: Random) -> None:
    proxy.cut()


def _refuse(proxy: Proxy, chance: Random) -> None:
    proxy.refusing = True
    proxy.cut()


def _delay(proxy: Proxy, chance: Random) -> None:
    proxy.delay = chance.uniform(*DELAYS_SECONDS)


def _throttle(proxy: Proxy, chance: Random) -> None:
    proxy.rate = chance.uniform(*RATES)


def _strike(what: str, name: str, harm: Callable[[Proxy, Random], None]) -> Strike:
    def hit(scene: Scene, chance: Random) -> Struck:
        proxy, seconds = _BEFORE.get(scene.system.state, {}).get(name), chance.uniform(*SECONDS)
        if proxy is None or not scene.take(name):
            return False
        before = proxy.felt

        def mend() -> bool:
            proxy.mend()
            scene.give(name)
            return proxy.felt > before

        harm(proxy, chance)
        return scene.later(seconds, mend)

    return Simple(f"{what} to {name}", 0.2, hit)


STRIKES: list[Strike] = [
    _strike(what, name, harm)
    for what, harm in (
        ("connections cut", _cut),
        ("connections refused", _refuse),
        ("delay", _delay),
        ("slow line", _throttle),
    )
    for name in ("kafka", "postgres")
]
