"""The door to the alarms: what holds, and when the scheduler last ran."""

from collections.abc import Sequence

import msgspec
from litestar import get
from litestar.types import ControllerRouterHandler

from services.runtime.http import allow
from services.screening import watch
from services.screening.watch import Held, Look, Watch


class AlarmsAnswer(msgspec.Struct, frozen=True):
    """The alarms as of the last look. `late`: nobody has looked for three periods, so that they say nothing any more."""

    late: bool
    period_seconds: float
    looks: list[Look]
    alarms: list[Held]


def routes(keeper: Watch) -> Sequence[ControllerRouterHandler]:
    """The doors of the alarms."""

    @get("/alarms", opt=allow("operator", "auditor"), sync_to_thread=True)
    def alarms() -> AlarmsAnswer:
        with keeper.store.transaction() as transaction:
            looks = watch.looks(transaction)
            return AlarmsAnswer(keeper.late(looks), keeper.period, looks, watch.current(transaction))

    return [alarms]
