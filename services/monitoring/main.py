"""Composition root of monitoring: Faust in the main thread's event loop, HTTP in a thread beside it, one board between them.

A session reads everything from the beginning. When it crashes, stalls or the log is another one, the next session begins anew:
that costs a display some seconds, and no state has to be trusted. SIGTERM ends the process in order with 0.
"""

import asyncio
import logging
import os
import signal
import sys
from threading import Event as Signal
from threading import Thread

from services.monitoring import api
from services.monitoring.board import TOPICS, Board
from services.monitoring.ends import Ends
from services.monitoring.guard import Guard
from services.monitoring.progress import BeginAgain
from services.monitoring.session import Hanging, Session
from services.runtime import broker
from services.runtime import log as logs
from services.runtime.doctor import Doctor
from services.runtime.errors import Fatal, describe, is_transient, where
from services.runtime.http import Server, application
from services.runtime.service import EXIT_FATAL
from services.runtime.settings import Settings, load

log = logging.getLogger(__name__)

HTTP_STOP_SECONDS = 6
"""A request under way may end first: uvicorn gives it five seconds."""
MAX_FAILURES = 5
"""Sessions in a row that end for no reason of the broker's before they have caught up: then it is a fault of this program."""
QUIET = ("aiokafka", "faust", "mode")
"""They quote exceptions, and say forty times a second that the broker is away; what matters of it is said here."""


class Monitor:
    """The process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.board = Board()
        self.ends = Ends(settings)
        self._stop = Signal()
        self._allowed = Signal()
        self._failures = 0
        self._fatal = False
        self._guard = Guard(self._stop, self._code)

    def run(self) -> int:
        """Run until SIGTERM or a fatal error; the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        self._guard.start()
        http = Thread(target=self._serve, name="http")
        http.start()
        try:
            self._read()
        except (Fatal, Hanging) as error:
            # That Faust hangs while we end anyway, with the broker away, is nothing to report.
            if isinstance(error, Fatal) or not self._stop.is_set():
                self._failed_for_good(error)
        self._stop.set()
        http.join(timeout=HTTP_STOP_SECONDS)
        log.info("stopped")
        return self._code()

    def _code(self) -> int:
        return EXIT_FATAL if self._fatal else 0

    def _failed_for_good(self, error: BaseException) -> None:
        log.critical("fatal", extra={"error": describe(error), "place": where(error)})
        self._fatal = True

    def _serve(self) -> None:
        try:
            doctor = Doctor(self.settings, TOPICS, [], None)
            app = application(self.settings, [*api.routes(self.board), *doctor.doors()], self._missing)
            Server.build(self.settings, app).run_until(self._stop)
        except BaseException as error:
            self._failed_for_good(error)
        finally:
            self._stop.set()

    def _missing(self) -> list[str]:
        """What it waits for at its start. A display that is still reading, or reads anew, is ready: it says so itself
        (`caught_up`), and nobody waits for a display.
        """
        return [] if self._allowed.is_set() else ["broker"]

    def _read(self) -> None:
        """Session after session until told to stop. Raises Fatal, Hanging."""
        asked = broker.Broker(self.settings)
        broker.wait_for_broker(asked)
        broker.wait_for_rights(asked, TOPICS, [])
        asked.close()
        self._allowed.set()
        log.info("started")
        while not self._stop.is_set():
            runner = asyncio.Runner()
            try:
                runner.run(Session(self.settings, self.board, self.ends, self._stop, self._guard).run())
            except (Fatal, Hanging):
                raise
            except Exception as error:
                self._begin_again(error)
                runner.close()
                self._stop.wait(1)

    def _begin_again(self, error: Exception) -> None:
        """Say why a session ended. Raises Fatal when they keep ending for a reason that is not the broker's."""
        reason = str(error) if isinstance(error, BeginAgain) else describe(error)
        log.warning("begin_again", extra={"reason": reason, "place": where(error)})
        self._failures = 0 if _outside(error) or not self.board.behind() else self._failures + 1
        if self._failures >= MAX_FAILURES:
            raise Fatal(f"reading fails again and again ({reason}): see the lines before") from None


def _outside(error: Exception) -> bool:
    """Whether it is the broker's or the network's doing. Faust's Kafka client marks such errors (they have no types)."""
    return isinstance(error, BeginAgain | OSError | TimeoutError) or is_transient(error) or getattr(error, "retriable", False)


def main() -> None:
    """Entry point of the process."""
    logs.configure("monitoring")
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        code = Monitor(load("monitoring")).run()
    except Fatal as error:
        log.critical("fatal", extra={"error": describe(error)})
        code = EXIT_FATAL
    sys.stderr.flush()
    # Not sys.exit: it would wait for the threads of a Faust that hangs. There is nothing to save.
    os._exit(code)
