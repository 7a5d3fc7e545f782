"""The thread that strikes: at its pace, one choice after the other, until it is told to stop; it can be interrupted."""

import time
from threading import Event as Signal
from threading import Lock, Thread

from services.runtime.errors import is_transient
from tests.chaos.scene import Scene
from tests.chaos.strikes import Strike, choose
from tests.chaos.tally import Struck


class Striker:
    """Strikes `rate` times per second. `begin` and `end` are called by whoever drives the weeks."""

    def __init__(self, scene: Scene, strikes: list[Strike], seed: int, rate: float) -> None:
        self.scene = scene
        self.strikes = strikes
        self.seed = seed
        self.rate = rate
        self.number = 0
        self._stop = Signal()
        self._free = Lock()
        self._thread = Thread(target=self._run, name="striker", daemon=True)
        self._free.acquire()

    def __enter__(self) -> "Striker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if not self._free.locked():
            self.end()
        self._free.release()
        self._thread.join()

    def begin(self) -> None:
        """Strike from now on."""
        self.scene.resume()
        self._free.release()

    def end(self) -> None:
        """Strike no more until `begin`, and mend everything."""
        self._free.acquire()
        self.scene.settle()

    @property
    def survived(self) -> int:
        """Strikes that hit."""
        return self.scene.tally.hits.total()

    def _run(self) -> None:
        try:
            self._strike_on()
        except BaseException as error:  # a run without strikes must not look like one that survived them
            self.scene.violation(f"the striker ended: {type(error).__name__}: {error}")
            raise

    def _strike_on(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            with self._free:
                if not self._stop.is_set():
                    self._strike()
            self._stop.wait(max(0.0, 1 / self.rate - (time.monotonic() - began)))

    def _strike(self) -> None:
        strike, chance = choose(self.strikes, self.seed, self.number)
        self.number += 1
        struck: Struck = False
        try:
            struck = strike.hit(self.scene, chance)
        except Exception as error:
            if not is_transient(error):  # then another strike is in this one's way; else it is a defect of the harness
                self.scene.violation(f"strike {strike.name} failed: {type(error).__name__}: {error}")
        self.scene.tally.add(strike.name, struck)
