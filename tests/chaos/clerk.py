"""The operator who looks after dead letters while the system is under attack: what nobody planted is redriven.

A good message whose readers were killed three times in a row by somebody else is set aside like one that kills; that is the
rule, and redriving is what a person does about it. What is set aside for any other reason is a violation: nobody planted it.
"""

from threading import Event as Signal
from threading import Thread

import httpx
import psycopg

from events.topics import DOMAIN_SERVICES
from tests.chaos.planted import digest
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
        while not self._stop.wait(LOOK_SECONDS):
            for service in DOMAIN_SERVICES:
                try:
                    self._look(service)
                except (httpx.HTTPError, psycopg.OperationalError):
                    continue  # away just now; the next look will do

    def _look(self, service: str) -> None:
        query = f"SELECT id, topic, payload, reason FROM {{ns}}{service}.dead_letter WHERE redriven_at IS NULL"
        for number, topic, payload, reason in self.scene.rows(query):
            if self.scene.planted.knows((service, topic, digest(payload))):
                continue
            if reason != KILLED:
                self.scene.violation(f"{service} set {topic or 'work'} aside that nobody planted: {reason}")
            self.scene.doors.post("operator", service, f"/dead-letters/{number}/redrive")
            self.redriven += 1
