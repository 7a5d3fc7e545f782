"""The door for displays: everything that is counted, in one answer."""

from collections.abc import Sequence

from litestar import get
from litestar.types import ControllerRouterHandler

from services.monitoring.board import Board, Counts
from services.runtime.http import allow


def routes(board: Board) -> Sequence[ControllerRouterHandler]:
    """The doors over this board."""

    @get("/counts", opt=allow("operator", "auditor", "simulator", "reviewer"), sync_to_thread=True)
    def counts() -> Counts:
        return board.counts()

    return [counts]
