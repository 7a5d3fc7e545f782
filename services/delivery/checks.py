"""What only delivery sees of its health: letters that wait for a municipality which was taken out of the list."""

from collections.abc import Collection

from services.delivery import store
from services.runtime.checks import mends
from services.runtime.checks.finding import Finding, ok, warn
from services.runtime.checks.kafka import some
from services.runtime.database import Store


def unserved(database: Store, served: Collection[str]) -> Finding:
    """Whether every letter whose answer is wanted went to a municipality that is served.

    For another nothing is published, and nothing that it answers is read: its letter may not even have left. Who it was for, and
    what has become of the child's case, only a person can find out.
    """
    with database.transaction() as transaction:
        waiting = store.unserved(transaction, served)
    if not waiting:
        return ok("answers", "no letter waits for a municipality that is not served")
    what = f"{sum(waiting.values())} letters wait for municipalities that are not served: {some(list(waiting))}"
    return warn("answers", what, mends.serve(waiting))
