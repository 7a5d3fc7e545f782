"""Keys that are no log-ins: the municipalities' encryption keys, and the rings of intake's and delivery's keyed hashes."""

from collections.abc import Sequence

from deploy.system import System

RINGS = {"pseudonym-key": "intake", "dispatch-key": "delivery"}
"""The rings of keyed hashes, each with the one service that reads it."""


class MunicipalKey:
    """The key to which one municipality's letters are encrypted.

    Its case system can open what came under either key before the public half is replaced; so letters on their way stay legible.
    """

    restarts: Sequence[str] = ()
    restarts_kafka = False

    def __init__(self, system: System, code: str) -> None:
        self.system = system
        self.code = code

    def apply(self) -> None:
        """Another private key beside the older ones, then its public half where delivery looks before each letter."""
        self.system.secrets.add_municipal_key(self.code, self.system.state / "keys")

    def finish(self) -> None:
        """The older ones stay until nothing under them is on its way."""

    def drop_old(self) -> None:
        """Keep the newest only."""
        self.system.secrets.drop_municipal_keys(self.code)


class KeyRing:
    """The ring of one service's keyed hashes: a new key is one more line.

    `pseudonym-key`: intake re-keys what it holds, in one transaction, when it starts again (services/intake/keys.py).
    `dispatch-key`: delivery writes its journal on under the new key, and reads what is there under the older ones
    (services/delivery/dispatch.py).
    """

    restarts_kafka = False

    def __init__(self, system: System, name: str) -> None:
        self.system = system
        self.name = name
        self.restarts: Sequence[str] = (RINGS[name],)

    def apply(self) -> None:
        """One more key; the service goes on with the ring it has read until it is restarted."""
        self.system.secrets.extend(self.name)

    def finish(self) -> None:
        """Nothing to take away: the older keys stay in the ring, for what was hashed under them."""

    def drop_old(self) -> None:
        """Nothing to drop."""
