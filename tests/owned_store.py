"""A service's store in a test that can also be emptied: by the administrator, for no service may take back what it said."""

import psycopg

from deploy.provision.postgres import declarations, quoted
from deploy.system import System
from services.runtime.database import Store


class OwnedStore(Store):
    """The store of one service of a provisioned system."""

    def __init__(self, system: System, service: str) -> None:
        super().__init__(system.settings(service), system.clock)
        self.system = system

    def empty(self, *tables: str) -> None:
        """Empty these tables; all of the service's unless named."""
        schema = quoted(self.system.settings(self.service).database_name(self.service))
        names = tables or next(each.metadata.tables for each in declarations() if each.service == self.service)
        engines = self.system.engines
        with psycopg.connect(engines.admin_of(engines.database)) as owner:
            owner.execute(f"TRUNCATE {', '.join(f'{schema}.{quoted(name)}' for name in names)}".encode())
