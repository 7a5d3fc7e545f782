"""Keys that are no log-ins: the municipalities' encryption keys, and the key of intake's hashes."""

from collections.abc import Sequence

from deploy.system import System


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


class PseudonymKey:
    """The key ring of intake's keyed hashes (services/intake/keys.py): a new key is one more line.

    Intake is stopped while the line is added, and re-keys what it holds, in one transaction, when it starts again.
    """

    restarts: Sequence[str] = ("intake",)
    restarts_kafka = False

    def __init__(self, system: System) -> None:
        self.system = system

    def apply(self) -> None:
        """One more key; a running intake goes on with the ring it has read until it is restarted."""
        self.system.secrets.extend("pseudonym-key")

    def finish(self) -> None:
        """What is held was re-keyed: the old key alone opens none of it, but stays in the ring as one of its layers."""

    def drop_old(self) -> None:
        """Nothing to drop."""
