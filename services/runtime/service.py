"""The composition of a process: what it consumes, works on, repeats, serves – and how it starts and stops in order.

`main.py` of each service builds one of these. A Fatal error of any part stops the whole process with exit code 70, so that
whoever runs it sees it; SIGTERM stops it in order with 0.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from threading import Event as Signal
from threading import Thread, current_thread
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from events.topics import Topic
from services.runtime import broker, memory, metrics, points, tracing, versions
from services.runtime import log as logs
from services.runtime.checks.finding import Finding, ok, warn
from services.runtime.checks.mends import restart
from services.runtime.clock import Clock
from services.runtime.clock import build as build_clock
from services.runtime.consumer import Consumer, Handler, Subscription, apply
from services.runtime.database import Store
from services.runtime.dead_letters import DeadLetter, DeadLetters
from services.runtime.doctor import Check, Doctor
from services.runtime.errors import Fatal, Poison, Transient, describe, is_transient, where
from services.runtime.events import Decoder
from services.runtime.http import Door, Server, actor, allow, application, doors
from services.runtime.lease import Lease
from services.runtime.measures import Measures
from services.runtime.outbox import publish_again
from services.runtime.readiness import Readiness
from services.runtime.relay import Relay, written_by
from services.runtime.settings import Settings, load
from services.runtime.transaction import LARGEST_INTEGER, Transaction
from services.runtime.work import Effects, Worker, WorkItem

log = logging.getLogger(__name__)

Part = Callable[[Signal], None]
STOP_SECONDS = 20
"""Longest wait for one part to finish what it is doing."""
LATE_SECONDS = 60.0
"""A repeated action that has not succeeded for so long is worth a look."""
EXIT_FATAL = 70
"""BSD's EX_SOFTWARE: the log's last line says what to mend."""


class Service:
    """One service under construction, then running."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock: Clock = build_clock(settings)
        self.store = Store(settings, self.clock)
        self.on_lost: Callable[[], None] | None = None
        self._subscriptions: list[Subscription] = []
        self._doers: dict[str, Callable[[WorkItem], Effects]] = {}
        self.workers = 1
        self._periodic: list[tuple[str, float, Callable[[], None]]] = []
        self._routes: list[ControllerRouterHandler] = []
        self._measured: list[str] = []
        self._checks: list[Check] = []
        self._done: dict[str, float] = {}
        self._stop = Signal()
        self._failure: BaseException | None = None
        metrics.watch_disk("state", settings.state)

    def consume(self, topic: Topic, handler: Handler, *, versioned: bool = True) -> None:
        """Handle the events of a topic; stale ones are dropped unless the handler applies versions itself."""
        self._subscriptions.append(Subscription(topic, handler, versioned, Decoder(topic)))

    def work(self, kind: str, doer: Callable[[WorkItem], Effects]) -> None:
        """Do work rows of a kind: call out, then return the effects to commit."""
        self._doers[kind] = doer

    def every(self, name: str, seconds: float, action: Callable[[], None]) -> None:
        """Repeat an action in one of all copies (it holds a lease)."""
        self._periodic.append((name, seconds, action))

    def serve(self, routes: Sequence[ControllerRouterHandler]) -> None:
        """Open HTTP doors."""
        self._routes += routes

    def measure(self, query: str) -> None:
        """Export gauges from this service's own tables: rows of (metric, label, label, value), from small tables or indexes."""
        self._measured.append(query)

    def check(self, look: Check) -> None:
        """Let the doctor look at something that only this service has."""
        self._checks.append(look)

    def doctor(self) -> Doctor:
        """What the operator may ask about this service's health."""
        reads = [each.topic for each in self._subscriptions]
        return Doctor(self.settings, reads, self._writes, self.store, [self._repeated, *self._checks])

    @property
    def _writes(self) -> list[Topic]:
        return written_by(self.settings.service, self.settings.municipalities)

    def _repeated(self) -> list[Finding]:
        """Whether each repeated action of this copy has succeeded lately."""
        late = {
            name: since
            for name, seconds, _ in self._periodic
            if (since := time.monotonic() - self._done.get(name, time.monotonic())) > LATE_SECONDS + 10 * seconds
        }
        for name, since in late.items():
            return [warn("schedule", f"{name} has not succeeded for {since:.0f} s", restart(self.settings.service))]
        return [ok("schedule", ", ".join(name for name, _, _ in self._periodic))] if self._periodic else []

    def doors(self) -> list[Door]:
        """The table *endpoint × principal* of this service."""
        return doors([*self._routes, *operator_doors(self)])

    def dead_letters(self) -> DeadLetters:
        """The operator's view on this service's dead letters."""
        return DeadLetters(self.store, self._redrive)

    def _redrive(self, transaction: Transaction, row: Any) -> None:
        if row.origin.startswith("work:"):
            transaction.enqueue(row.origin.removeprefix("work:"), row.key, msgspec.Raw(bytes(row.payload)))
            return
        subscription = next(each for each in self._subscriptions if each.topic.name == row.topic)
        key = row.key.encode() if row.key is not None else None
        apply(transaction, subscription, row.partition, [subscription.decoder.decode(bytes(row.payload), key)])

    def publish_again(self, topic: str, partition: int, first: int, who: str) -> int | None:
        """Let the relay publish a topic again from this position on; the last there is. None where there is nothing to repeat."""
        if topic not in [each.name for each in self._writes if each.republish]:
            return None
        with self.store.transaction() as transaction:  # on its own: outboxes' numbers are taken in one order, never out of it
            last = publish_again(transaction, topic, partition, first)
        if last is not None:
            place = f"{topic}/{partition}"
            with self.store.transaction() as transaction:
                transaction.audit("consultation", "published_again", purpose="operation", actor=who, place=place, first=first)
        return last

    def run(self) -> int:
        """Run until SIGTERM or a fatal error; the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        versions.wait_for_tables(self.store)
        writes = self._writes
        cluster = broker.Broker(self.settings)
        broker.wait_for_broker(cluster)
        broker.wait_for_rights(cluster, [each.topic for each in self._subscriptions], writes)
        cluster.close()
        threads = [Thread(target=self._guarded, args=(part,), name=name) for name, part in self._parts(writes)]
        for thread in threads:
            thread.start()
        log.info("started", extra={"clock": type(self.clock).__name__, "automatic_release": self.settings.automatic_release})
        memory.tidy(self._stop)
        for thread in threads:
            thread.join(timeout=STOP_SECONDS)
        self.store.close()
        log.info("stopped")
        return EXIT_FATAL if self._failure else 0

    def _parts(self, writes: Sequence[Topic]) -> list[tuple[str, Part]]:
        consumer = Consumer(self.settings, self.store, self._subscriptions)
        parts: list[tuple[str, Part]] = [("relay", Relay(self.settings, self.store, writes, self.on_lost).run)]
        if self._subscriptions:
            parts.append(("consumer", consumer.run))
        if self._doers:
            parts += [(f"worker-{number}", Worker(self.store, self._doers).run) for number in range(1, self.workers + 1)]
        parts += [(name, partial(self._repeat, name, seconds, action)) for name, seconds, action in self._periodic]
        ready = Readiness(self.store, consumer.ready if self._subscriptions else None)
        found = metrics.registry()
        found.register(Measures(self.store, writes, self._measured))
        app = application(self.settings, [*self._routes, *operator_doors(self)], ready.missing, found)
        return [*parts, ("http", Server.build(self.settings, app).run_until)]

    def _guarded(self, part: Callable[[Signal], None]) -> None:
        try:
            part(self._stop)
        except BaseException as error:
            log.critical("fatal", extra={"part": current_thread().name, "error": describe(error), "place": where(error)})
            self._failure = error
        finally:
            self._stop.set()

    def _repeat(self, name: str, seconds: float, action: Callable[[], None], stop: Signal) -> None:
        lease = Lease(self.store, name)
        while not stop.wait(seconds):
            try:
                if lease.hold():
                    self._done.setdefault(name, time.monotonic())
                    with logs.bound(part=name):
                        action()
                    metrics.PERIODIC_AT.labels(name).set_to_current_time()
                    self._done[name] = time.monotonic()
                else:
                    self._done.pop(name, None)
            except Exception as error:
                # No input may end a service whose other parts can go on; doctor and alarms tell that this one is late.
                if not (is_transient(error) or isinstance(error, Poison)):
                    raise
                metrics.RETRIES.labels(name).inc()
                log.warning("periodic_waits", extra={"name_of": name, "error": describe(error)})
        lease.release()


class Again(msgspec.Struct, frozen=True):
    """From where to publish again."""

    topic: str
    partition: Annotated[int, msgspec.Meta(ge=0, le=32_767)]
    first: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_INTEGER)]


class Last(msgspec.Struct, frozen=True):
    """Up to which position it will be published."""

    through: int


def operator_doors(service: Service) -> list[ControllerRouterHandler]:
    """Doors that every service has for the operator: its dead letters, its outbox and its health."""

    @get("/dead-letters", opt=allow("operator"), sync_to_thread=True)
    def list_dead_letters() -> list[DeadLetter]:
        return service.dead_letters().list()

    @post("/dead-letters/{number:int}/redrive", opt=allow("operator"), sync_to_thread=True)
    def redrive(
        number: FromPath[int],
        request: Request[Any, Any, Any],
        through: Annotated[int | None, QueryParameter(ge=0, le=LARGEST_INTEGER)] = None,
    ) -> dict[str, int]:
        try:
            if not service.dead_letters().redrive(number, actor(request).principal, through):
                raise NotFoundException("no such dead letter waits")
        except (Poison, Transient, ValueError) as error:
            raise NotFoundException(f"it fails again: {describe(error)}") from None
        return {"redriven": number}

    @post("/outbox/again", opt=allow("operator"), status_code=200, sync_to_thread=True)
    def publish_again(data: JSONBody[Again], request: Request[Any, Any, Any]) -> Last:
        if through := service.publish_again(data.topic, data.partition, data.first, actor(request).principal):
            return Last(through)
        raise NotFoundException("there is nothing that may be published again")

    return [list_dead_letters, redrive, publish_again, *service.doctor().doors()]


def main(name: str, build: Callable[[Settings], Service]) -> None:
    """Entry point of a service process."""
    logs.configure(name)
    tracing.configure(name, os.environ)
    memory.tune()
    try:
        settings = load(name)
        points.watch(name, settings.environment)
        code = build(settings).run()
    except Fatal as error:
        log.critical("fatal", extra={"error": describe(error)})
        code = EXIT_FATAL
    tracing.close()
    sys.exit(code)
