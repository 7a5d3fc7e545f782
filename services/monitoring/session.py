"""One reading of everything from the beginning, until told to stop or until it is of no more use.

Faust is waited for by looking at it, never by awaiting it: with the broker away its start and its stop can take for ever, and
cancelling them as well.
"""

import asyncio
import logging
import time
from tempfile import TemporaryDirectory
from threading import Event as Signal

import faust

from services.monitoring import stream
from services.monitoring.board import Board
from services.monitoring.ends import Ends
from services.monitoring.guard import Guard
from services.monitoring.progress import BeginAgain, Progress
from services.runtime.errors import Transient, describe
from services.runtime.settings import Settings

log = logging.getLogger(__name__)

TICK_SECONDS = 0.25
"""How fast a stop or a crash is noticed."""
SAMPLE_SECONDS = 1.0
CHECK_SECONDS = 5.0
"""How often the ends of the topics are asked for: one request a time."""
START_SECONDS = 60.0
STOP_SECONDS = 5.0
"""Longest that Faust may take to start (a busy broker's rebalance) and to stop (0.3 s as a rule)."""


class Hanging(Exception):
    """Faust does not stop; only the process's end ends its threads."""


class Session:
    """Reads into the board."""

    def __init__(self, settings: Settings, board: Board, ends: Ends, stop: Signal, guard: Guard) -> None:
        self._settings = settings
        self._board = board
        self._ends = ends
        self._stop = stop
        self._guard = guard
        self._progress = Progress()

    async def run(self) -> None:
        """Read until told to stop. Raises BeginAgain, what Faust crashed with, Transient without a broker; Hanging."""
        self._board.begin(await asyncio.to_thread(self._ends.spans))
        with TemporaryDirectory(prefix="socialsog-") as folder:
            app = stream.build(self._settings, self._board, folder)
            starting = asyncio.ensure_future(app.start())
            try:
                await self._watch(app, starting)
            finally:
                await _end(app)
                self._guard.beat = None

    async def _watch(self, app: faust.App, starting: "asyncio.Future[None]") -> None:
        began = checked = sampled = time.monotonic()
        checking: asyncio.Task[None] | None = None
        while not self._stop.is_set():
            await asyncio.sleep(TICK_SECONDS)
            now = self._guard.beat = time.monotonic()
            _refuse_broken(app, starting, now - began)
            if now - sampled >= SAMPLE_SECONDS:
                self._board.sample()
                sampled = now
            if checking is not None and checking.done():
                checking.result()
                checking, checked = None, now
            elif checking is None and now - checked >= CHECK_SECONDS:
                checking = asyncio.create_task(self._check())

    async def _check(self) -> None:
        # Places first: what is read while the ends are asked for must not look like a log that has become shorter.
        places = self._board.places()
        try:
            ends = await asyncio.to_thread(self._ends.now)
        except Transient as error:
            log.warning("broker_waits", extra={"error": describe(error)})
            return
        self._progress.check(places, ends, time.monotonic())


def _refuse_broken(app: faust.App, starting: "asyncio.Future[None]", age_seconds: float) -> None:
    """Raise what Faust crashed with, or BeginAgain when it does not get going."""
    if starting.done():
        starting.result()
    elif age_seconds > START_SECONDS:
        raise BeginAgain("does_not_start")
    if app.crashed:
        raise app.crash_reason or BeginAgain("crashed")


async def _end(app: faust.App) -> None:
    stopping = asyncio.ensure_future(app.stop())
    await asyncio.wait([stopping], timeout=STOP_SECONDS)
    if not stopping.done():
        raise Hanging
    stopping.result()
