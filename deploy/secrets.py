"""All secrets of a system, made at its first start: one file each, for the owner only, and never made anew.

`credentials.json` holds only digests of the bearer tokens, with who they belong to. A municipality's private key is the
simulated case system's; its public half lies in `$STATE/keys`, where the system looks for recipients' keys.
"""

import hashlib
import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from joserfc.jwk import ECKey

from events.municipalities import DISTRICTS
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
    """Write a file that only the owner can read, whole or not at all."""
    spare = path.with_name(f".{path.name}.new")
    spare.unlink(missing_ok=True)
    with os.fdopen(os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(spare, path)


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

    def make_engines(self) -> None:
        """The administrators' passwords, which the embedded servers are born with."""
        private_folder(self.folder)
        for name in ("kafka-admin", "kafka-controller", "postgres-admin"):
            self.ensure(name)

    def make_all(self, codes: Sequence[str], keys: Path | None) -> None:
        """Everything else: log-ins to Kafka and PostgreSQL, tokens, keys of hashes, municipal keys into `keys` (None: none)."""
        private_folder(self.folder)
        for principal in kafka_principals(codes):
            self.ensure(f"kafka-{principal}")
        for role in (*SERVICES, LEDGER_READER):
            self.ensure(f"postgres-{role}")
        self.ensure("pseudonym-key")
        self.ensure("dispatch-key")
        self._credentials(codes)
        if keys is not None:
            for code in codes:
                self._municipal_key(code, private_folder(keys))

    def _credentials(self, codes: Sequence[str]) -> None:
        known = [
            msgspec.structs.replace(one, sha256=hashlib.sha256(self.ensure(f"http-{one.principal}").encode()).hexdigest())
            for one in people(codes)
        ]
        text = msgspec.json.format(msgspec.json.encode(known)).decode()
        path = self.folder / "credentials.json"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            private_file(path, text)

    def _municipal_key(self, code: str, keys: Path) -> None:
        path = self.folder / f"municipality-{code}.jwk"
        if not path.exists():
            made = ECKey.generate_key(KEY_CURVE, {"kid": f"{code}-1", "use": "enc"}, private=True)
            private_file(path, msgspec.json.encode(made.as_dict(private=True)).decode())
        public = keys / f"{code}.json"
        if not public.exists():
            key = ECKey.import_key(msgspec.json.decode(path.read_bytes()))
            private_file(public, msgspec.json.encode(key.as_dict(private=False)).decode())
