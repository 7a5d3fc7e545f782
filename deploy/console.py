"""What a person sees while things start and stop: bars on a terminal, one line per step elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Steps:
    """A context that shows progress; call `show(what, done, total)` any number of times, from any thread."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self.started = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._total = 0

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, what: str, done: int, total: int) -> None:
        """One step more: what it is, how many of how many are done. A new total begins a new bar."""
        if self._bar is None:
            self._line(what, done, total)
            return
        if self._task is None or total != self._total:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task, self._total = self._bar.add_task(what, total=total), total
        self._bar.update(self._task, description=what, completed=done)

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(f"[{time.monotonic() - self.started:5.1f} s] {text}", markup=False)

    def _line(self, what: str, done: int, total: int) -> None:
        """Elsewhere than on a terminal: what is done, of a few each, of many every tenth and the last."""
        if done and (total <= 10 or done == total or done % 10 == 0):
            self.say(f"{what} ({done}/{total})" if total > 1 else what)
