"""The operator who looks after dead letters while the system is under attack: what nobody planted is redriven, what was is noted.

A good message whose readers were killed three times in a row by somebody else is set aside like one that kills; that is the
rule, and redriving is what a person does about it. What is set aside for any other reason is a violation: nobody planted it.
"""

from contextlib import suppress
from threading import Event as Signal
from threading import Thread

import httpx
import psycopg

from events.topics import DOMAIN_SERVICES
from tests.chaos.planted import DeadLetter, dead_letters
from tests.chaos.scene import Scene

LOOK_SECONDS = 2.0
KILLED = "killed_process"


class Clerk:
    """Redrives in a thread of its own. `redriven` counts."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.redriven = 0
        self._stop = Signal()
        self._thread = Thread(target=self._run, name="clerk", daemon=True)

    def __enter__(self) -> "Clerk":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.wait(LOOK_SECONDS):
                for service in DOMAIN_SERVICES:
                    self._look(service)
        except BaseException as error:  # without a clerk no message that was planted is seen, and none redriven
            self.scene.violation(f"the clerk ended: {type(error).__name__}: {error}")
            raise

    def _look(self, service: str) -> None:
        with suppress(httpx.HTTPError, psycopg.OperationalError):  # away just now; the next look will do
            found = dead_letters(self.scene.rows, service)
            self.scene.planted.saw(found)
            for each in found:
                if each.waits and not self.scene.planted.knows(each.which):
                    self._redrive(each)

    def _redrive(self, letter: DeadLetter) -> None:
        service, topic, _ = letter.which
        if letter.reason != KILLED:
            self.scene.violation(f"{service} set {topic} aside that nobody planted: {letter.reason}")
        self.scene.doors.post("operator", service, f"/dead-letters/{letter.number}/redrive")
        self.redriven += 1
