"""Composition root of monitoring: Faust in the main thread's event loop, HTTP in a thread beside it, one board between them.

A session reads everything from the beginning. When it crashes, stalls or the log is another one, the next session begins anew:
that costs a display some seconds, and no state has to be trusted. SIGTERM ends the process in order with 0.
"""

import asyncio
import logging
import os
import signal
import sys
import time
from tempfile import TemporaryDirectory
from threading import Event as Signal
from threading import Thread

import faust

from services.monitoring import api, stream
from services.monitoring.board import TOPICS, Board
from services.monitoring.ends import Ends
from services.monitoring.progress import BeginAgain, Progress
from services.runtime import broker
from services.runtime import log as logs
from services.runtime.errors import Fatal, Transient, describe, is_transient, where
from services.runtime.http import Server, application
from services.runtime.service import EXIT_FATAL
from services.runtime.settings import Settings, load

log = logging.getLogger(__name__)

TICK_SECONDS = 0.25
"""How fast a stop or a crash is noticed."""
SAMPLE_SECONDS = 1.0
CHECK_SECONDS = 5.0
"""How often the ends of the topics are asked for: two requests a time."""
START_SECONDS = 60
STOP_SECONDS = 10
"""Longest that Faust may take to start (a busy broker's rebalance) and to stop; after that it hangs."""
MAX_FAILURES = 5
"""Sessions in a row that end for no reason of the broker's before they have caught up: then it is a fault of this program."""


class Hanging(Exception):
    """Faust does not stop; its threads would keep the process alive."""


class Monitor:
    """The process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.board = Board()
        self.ends = Ends(settings)
        self._stop = Signal()
        self._failures = 0
        self._http_failed = False

    def run(self) -> int:
        """Run until SIGTERM or a fatal error; the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        http = Thread(target=self._serve, name="http")
        http.start()
        try:
            self._sessions()
        except (Fatal, Hanging) as error:
            log.critical("fatal", extra={"error": describe(error)})
            return EXIT_FATAL
        finally:
            self._stop.set()
            http.join(timeout=STOP_SECONDS)
        log.info("stopped")
        return EXIT_FATAL if self._http_failed else 0

    def _serve(self) -> None:
        try:
            app = application(self.settings, api.routes(self.board), self.board.behind)
            Server.build(self.settings, app).run_until(self._stop)
        except BaseException as error:
            log.critical("fatal", extra={"part": "http", "error": describe(error), "place": where(error)})
            self._http_failed = True
        finally:
            self._stop.set()

    def _sessions(self) -> None:
        asked = broker.Broker(self.settings)
        broker.wait_for_broker(asked)
        asked.check_rights(TOPICS, [])
        asked.close()
        log.info("started")
        while not self._stop.is_set():
            try:
                asyncio.run(self._session())
            except Exception as error:
                self._failed(error)
                self._stop.wait(1)
        self.ends.close()

    def _failed(self, error: Exception) -> None:
        """Say why a session ended; Fatal when it keeps ending for a reason that is not the broker's."""
        if isinstance(error, Fatal | Hanging):
            raise error
        reason = str(error) if isinstance(error, BeginAgain) else describe(error)
        log.warning("begin_again", extra={"reason": reason, "place": where(error)})
        self._failures = 0 if _outside(error) or not self.board.behind() else self._failures + 1
        if self._failures >= MAX_FAILURES:
            raise Fatal(f"reading fails again and again ({reason}): see the lines before") from None

    async def _session(self) -> None:
        self.board.begin(await asyncio.to_thread(self.ends.spans))
        with TemporaryDirectory(prefix="socialsog-") as folder:
            app = stream.build(self.settings, self.board, folder)
            try:
                await asyncio.wait_for(app.start(), START_SECONDS)
                await self._watch(app)
            finally:
                await _end(app)

    async def _watch(self, app: faust.App) -> None:
        """Return when told to stop; raise when the session is of no more use."""
        progress, sampled, checked = Progress(), 0.0, time.monotonic()
        while not self._stop.is_set():
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            if app.crashed:
                raise app.crash_reason or BeginAgain("crashed")
            if now - sampled >= SAMPLE_SECONDS:
                self.board.sample()
                sampled = now
            if now - checked >= CHECK_SECONDS:
                await self._check(progress)
                checked = now

    async def _check(self, progress: Progress) -> None:
        places = self.board.places()
        try:
            ends = await asyncio.to_thread(self.ends.now)
        except Transient as error:
            log.warning("broker_waits", extra={"error": describe(error)})
            return
        progress.check(places, ends, time.monotonic())


def _outside(error: Exception) -> bool:
    """Whether it is the broker's or the network's doing. Faust's Kafka client marks such errors (they have no types)."""
    return isinstance(error, BeginAgain | OSError | TimeoutError) or is_transient(error) or getattr(error, "retriable", False)


async def _end(app: faust.App) -> None:
    try:
        await asyncio.wait_for(app.stop(), STOP_SECONDS)
    except TimeoutError:
        raise Hanging("faust does not stop") from None


def main() -> None:
    """Entry point of the process."""
    logs.configure("monitoring")
    try:
        code = Monitor(load("monitoring")).run()
    except Fatal as error:
        log.critical("fatal", extra={"error": describe(error)})
        code = EXIT_FATAL
    sys.stderr.flush()
    # Threads of a Faust that hangs are no daemons and would keep the process from ending.
    os._exit(code) if code else sys.exit(0)
