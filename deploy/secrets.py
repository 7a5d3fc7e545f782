"""All secrets of a system, made at its first start: one file each, for the owner only; `deploy.rotation` replaces them.

`credentials.json` holds only digests of the bearer tokens, with who they belong to; a principal whose token is being replaced
stands there once for each token that is still good. A municipality's private keys, newest first, are the simulated case
system's; the newest's public half lies in `$STATE/keys`, where the system looks for recipients' keys.
"""

import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from joserfc.jwk import ECKey

from events.municipalities import DISTRICTS
from events.topics import DOMAIN_SERVICES
from services.runtime.credentials import Principal
from services.runtime.settings import SERVICES

SIMULATOR = "simulator"
LEDGER_READER = "ledger_reader"
TOKEN_BYTES = 32
"""256 bits: nobody guesses it, so a plain digest of it may be kept."""
KEY_CURVE = "P-256"
"""The curve that JWE's ECDH-ES and every municipal supplier's library know."""


def municipal(code: str) -> str:
    """Principal of a municipality's case system."""
    return f"municipality-{code}"


def kafka_principals(codes: Iterable[str]) -> list[str]:
    """Everybody who logs in to Kafka, besides its administrator."""
    return [*SERVICES, SIMULATOR, *(municipal(code) for code in codes)]


def logins(codes: Iterable[str]) -> list[str]:
    """Names of the secrets with which somebody logs in to Kafka or PostgreSQL, besides their administrators."""
    roles = (*DOMAIN_SERVICES, LEDGER_READER)
    return [*(f"kafka-{each}" for each in kafka_principals(codes)), *(f"postgres-{role}" for role in roles)]


def people(codes: Iterable[str]) -> list[Principal]:
    """Everybody with a bearer token, digests still empty."""
    return [
        *(Principal(name, "service", "") for name in (*SERVICES, SIMULATOR)),
        *(Principal(f"reviewer-{district}", "reviewer", "", districts=[district]) for district in DISTRICTS),
        Principal("approver", "approver", ""),
        Principal("operator", "operator", ""),
        Principal("auditor", "auditor", ""),
        Principal("clerk", "clerk", ""),
        Principal("scraper", "scraper", ""),
        *(Principal(municipal(code), "municipality", "", municipality=code) for code in codes),
    ]


def private_file(path: Path, text: str) -> None:
    """Write a file that only the owner can read, whole or not at all, and through to the disk; its name by `durable`."""
    spare = path.with_name(f".{path.name}.new")
    spare.unlink(missing_ok=True)
    with os.fdopen(os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(spare, path)


def durable(folder: Path) -> None:
    """Bring the names in a folder through to the disk: an engine remembers a password for good, so the folder must too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def private_folder(path: Path) -> Path:
    """Make a folder that only the owner can enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


class Secrets:
    """The secrets folder of one system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str) -> str:
        """One secret. Raises FileNotFoundError."""
        return (self.folder / name).read_text(encoding="utf-8").strip()

    def ensure(self, name: str) -> str:
        """One secret, made when missing: 64 hexadecimal digits, which need no quoting anywhere."""
        if not (self.folder / name).exists():
            private_file(self.folder / name, secrets.token_hex(TOKEN_BYTES))
        return self.read(name)

    def renew(self, name: str) -> None:
        """Another value in the place of the present one."""
        self._write(name, secrets.token_hex(TOKEN_BYTES))

    def propose(self, name: str) -> str:
        """A new value, noted beside the present one; the one that is noted already, after an interruption."""
        noted = self.ensure(f"{name}.next")
        durable(self.folder)
        return noted

    def noted(self, name: str) -> str | None:
        """The value that is noted beside the present one, while it is being replaced."""
        return self.read(f"{name}.next") if (self.folder / f"{name}.next").exists() else None

    def adopt(self, name: str) -> None:
        """The noted value takes the place of the present one."""
        os.replace(self.folder / f"{name}.next", self.folder / name)
        durable(self.folder)

    def extend(self, name: str) -> None:
        """One more line: a key ring's newest key is its last."""
        self._write(name, f"{self.read(name)}\n{secrets.token_hex(TOKEN_BYTES)}")

    def _write(self, name: str, text: str) -> None:
        private_file(self.folder / name, text)
        durable(self.folder)

    def add_token(self, principal: str, codes: Sequence[str]) -> None:
        """A new bearer token for a principal, beside those that it has, which all stay good until `drop_token`.

        All of them: when an interrupted replacement is begun again, what everybody holds is not the last one but the one before.
        """
        name = f"http-{principal}"
        self.propose(name)
        self._credentials(codes)
        private_file(self.folder / f"{name}.old", "\n".join(dict.fromkeys([*self._older(name), self.read(name)])))
        self.adopt(name)

    def drop_token(self, principal: str, codes: Sequence[str]) -> None:
        """Only the newest token stays good."""
        (self.folder / f"http-{principal}.old").unlink(missing_ok=True)
        self._credentials(codes)

    def make_engines(self) -> None:
        """The administrators' passwords, which the embedded servers are born with."""
        private_folder(self.folder)
        for name in ("kafka-admin", "kafka-controller", "postgres-admin"):
            self.ensure(name)
        durable(self.folder)

    def make_all(self, codes: Sequence[str], keys: Path | None) -> None:
        """Everything else: log-ins to Kafka and PostgreSQL, tokens, keys of hashes, municipal keys into `keys` (None: none)."""
        private_folder(self.folder)
        for name in (*logins(codes), "pseudonym-key", "dispatch-key"):
            self.ensure(name)
        self._credentials(codes)
        if keys is not None:
            for code in codes:
                self._municipal_key(code, private_folder(keys))
        durable(self.folder)

    def _credentials(self, codes: Sequence[str]) -> None:
        known = [msgspec.structs.replace(one, sha256=digest) for one in people(codes) for digest in self._tokens(one.principal)]
        text = msgspec.json.format(msgspec.json.encode(known)).decode()
        path = self.folder / "credentials.json"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            private_file(path, text)

    def _tokens(self, principal: str) -> list[str]:
        """Digests of the tokens that are good: the present one, and while it is being replaced the new and the older ones."""
        name = f"http-{principal}"
        texts = dict.fromkeys([self.ensure(name), self.noted(name), *self._older(name)])
        return [hashlib.sha256(text.encode()).hexdigest() for text in texts if text]

    def _older(self, name: str) -> list[str]:
        """Tokens that were replaced and are still good, one a line, the oldest first."""
        path = self.folder / f"{name}.old"
        return path.read_text(encoding="utf-8").split() if path.exists() else []

    def add_municipal_key(self, code: str, keys: Path) -> None:
        """A new key pair for a municipality: the private half first, before the older ones; then the public half."""
        older = self._municipal_keys(code)
        made = ECKey.generate_key(KEY_CURVE, {"kid": f"{code}-{_number(older) + 1}", "use": "enc"}, private=True)
        self._write_keys(code, [made.as_dict(private=True), *older])
        self._publish_key(code, keys)

    def drop_municipal_keys(self, code: str) -> None:
        """Keep the newest private key only."""
        self._write_keys(code, self._municipal_keys(code)[:1])

    def _municipal_keys(self, code: str) -> list[dict[str, Any]]:
        path = self.folder / f"municipality-{code}.jwk"
        return list(msgspec.json.decode(path.read_bytes())["keys"]) if path.exists() else []

    def _write_keys(self, code: str, keys: Sequence[Mapping[str, Any]]) -> None:
        private_file(self.folder / f"municipality-{code}.jwk", msgspec.json.encode({"keys": keys}).decode())

    def _publish_key(self, code: str, keys: Path) -> None:
        key = ECKey.import_key(self._municipal_keys(code)[0])
        private_file(keys / f"{code}.json", msgspec.json.encode(key.as_dict(private=False)).decode())

    def _municipal_key(self, code: str, keys: Path) -> None:
        if not self._municipal_keys(code):
            self.add_municipal_key(code, keys)
        if not (keys / f"{code}.json").exists():
            self._publish_key(code, keys)


def _number(keys: Sequence[Mapping[str, Any]]) -> int:
    """The number of the newest key, which its id ends with; 0 before the first."""
    return int(str(keys[0]["kid"]).rpartition("-")[2]) if keys else 0
