"""The door `/doctor` of every service: all checks that it can make on itself, with its own rights, for the operator."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from litestar import get
from litestar.types import ControllerRouterHandler

from events.topics import Topic
from services.runtime.broker import Broker
from services.runtime.checks import database, files, kafka, moving
from services.runtime.checks.finding import Finding, Report
from services.runtime.database import Store
from services.runtime.errors import Transient, is_transient
from services.runtime.http import allow
from services.runtime.settings import Settings

Check = Callable[[], list[Finding]]


@dataclass
class Doctor:
    """What one service looks at. `store` is None where a service has no database; `own` are checks of its own."""

    settings: Settings
    reads: Sequence[Topic]
    writes: Sequence[Topic]
    store: Store | None
    own: list[Check] = field(default_factory=list)

    def report(self) -> Report:
        """Look at everything now."""
        cluster = Broker(self.settings)
        try:
            identity, findings = self._kafka(cluster)
            findings += [*self._database(cluster, well=all(each.level != "bad" for each in findings)), *self._files()]
        finally:
            cluster.close()
        return Report(self.settings.service, time.time(), identity, [*findings, *self._own()])

    def _own(self) -> Iterator[Finding]:
        """What only this service looks at. Whether database and broker answer at all is said elsewhere."""
        for check in self.own:
            try:
                yield from check()
            except Exception as error:
                if not is_transient(error):
                    raise

    def _kafka(self, cluster: Broker) -> tuple[str, list[Finding]]:
        """The cluster's id, empty where none answers, and what is found."""
        try:
            return cluster.cluster_id(), kafka.check(cluster, self.reads, self.writes)
        except Transient:
            return "", [kafka.unreachable(self.settings.kafka)]

    def _database(self, cluster: Broker, *, well: bool) -> list[Finding]:
        """What the database says, also of how far the topics are read where Kafka is well."""
        if self.store is None:
            return []
        try:
            with self.store.transaction() as transaction:
                findings = database.check(transaction)
            lag = [self._lag(self.store, cluster)] if self.reads and well else []
            return [*findings, *lag, moving.relay(self.store, self.writes), moving.work(self.store)]
        except Exception as error:
            if not is_transient(error):
                raise
            return [database.unreachable()]

    def _lag(self, store: Store, cluster: Broker) -> Finding:
        try:
            return moving.lag(store, cluster, self.reads)
        except Transient:
            return kafka.unreachable(self.settings.kafka)

    def _files(self) -> list[Finding]:
        names = files.held_by(self.settings.service, stores=self.store is not None)
        return [files.secrets(self.settings.secrets, names), files.disk("state", self.settings.state)]

    def doors(self) -> list[ControllerRouterHandler]:
        """The door."""

        @get("/doctor", opt=allow("operator"), sync_to_thread=True)
        def doctor() -> Report:
            return self.report()

        return [doctor]
