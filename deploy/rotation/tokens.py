"""Bearer tokens. Old ones stay good until they are dropped: after a service's restart by itself, for people when they say so."""

from collections.abc import Sequence

from deploy.system import System
from services.runtime.settings import SERVICES


class Token:
    """The token of one principal."""

    restarts_kafka = False

    def __init__(self, system: System, principal: str) -> None:
        self.system = system
        self.principal = principal
        self.restarts: Sequence[str] = [principal] if principal in SERVICES else []

    def apply(self) -> None:
        """The new digest is listed before anybody uses the new token; doors read the list anew when it has changed."""
        self.system.secrets.add_token(self.principal, self.system.municipalities)

    def finish(self) -> None:
        """A restarted service holds the new one. A person or a municipality has yet to be given it."""
        if self.restarts:
            self.drop_old()

    def drop_old(self) -> None:
        """The old ones open nothing any more."""
        self.system.secrets.drop_token(self.principal, self.system.municipalities)
