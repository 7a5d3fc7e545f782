"""What a service says of itself while its database is away: not ready, not well; and that it ends in order all the same."""

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from deploy.processes import is_ready, why_not
from deploy.provision.postgres import quoted
from deploy.system import System
from events import topics
from services.runtime import readiness
from services.runtime import relay as relays
from services.runtime.checks import moving
from services.runtime.database import Store
from services.runtime.doctor import Doctor
from services.runtime.lease import Lease
from services.runtime.readiness import Readiness
from services.runtime.settings import load
from tests.integration.test_runtime import open_store, system, until

__all__ = ["system"]


def without_database(system: System, service: str) -> Store:
    """A service's store whose database does not answer."""
    environment = system.environment(service) | {"DATABASE_URL": "postgresql://127.0.0.1:1/nowhere"}
    return Store(load(service, environment), system.clock)


def test_a_doctor_whose_database_is_away_says_so(system: System) -> None:
    store, settings = without_database(system, "screening"), system.settings("screening")
    reads = [topic for topic in topics.declared(settings.municipalities) if "screening" in topic.readers]
    asks = [lambda: [moving.work(store)]]  # as a check that only one service has may do
    report = Doctor(settings, reads, relays.written_by("screening", settings.municipalities), store, asks).report()
    store.close()
    assert report.cluster
    assert [(each.check, each.what) for each in report.findings if each.level == "bad"] == [("database", "does not answer")]


def test_a_service_is_ready_while_its_database_answers(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "BELIEVED_SECONDS", 0.0)
    here, away = open_store(system, "identity"), without_database(system, "identity")
    found = Readiness(here, None)
    for store, missing in ((here, []), (away, ["database"]), (here, [])):
        found.store = store
        assert found.missing() == missing
    away.close()


def test_a_process_that_reads_no_topics_says_when_its_database_lets_it_in_no_more(system: System) -> None:
    role, engines = system.settings("identity").database_name("identity"), system.engines

    def may(login: str) -> None:
        with psycopg.connect(engines.admin_of(engines.database)) as administrator:
            administrator.execute(f"ALTER ROLE {quoted(role)} {login}".encode())
            administrator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [role])

    system.start_services(["identity"])
    try:
        may("NOLOGIN")
        until(lambda: not is_ready(system.http("identity")))
        assert "database" in why_not(system.http("identity"))
        may("LOGIN")
        until(lambda: is_ready(system.http("identity")))
    finally:
        system.stop_services(["identity"])


def test_who_is_stopped_while_the_database_is_away_ends_in_order(system: System) -> None:
    lease = Lease(open_store(system, "intake"), "stopped")
    assert lease.hold()
    lease.store = without_database(system, "intake")
    with pytest.raises(OperationalError):
        lease.store.engine.connect()
    lease.release()
    lease.store.close()
