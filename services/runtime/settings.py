"""Everything a process is told from outside, read once from the environment. Secrets are files, one per secret.

No default is dangerous in production: without `SOCIALSOG_ENVIRONMENT=embedded` a simulated clock is refused, and so is a plain
connection beyond this machine, unless `SOCIALSOG_CLOSED_NETWORK=on` says that nobody else is in the network.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from events.municipalities import BY_CODE, MUNICIPALITIES
from services.runtime import names, tls
from services.runtime.checks import mends
from services.runtime.errors import Fatal

SERVICES = ("intake", "identity", "screening", "deduplication", "notification", "delivery", "audit", "monitoring")
"""Every process, in the order of the way of the data; the place gives each its port in the embedded form."""

CLOSED_NETWORK = "SOCIALSOG_CLOSED_NETWORK"
"""`on` where nobody else is in the network, so that its connections may be plain."""
CALLERS = ("intake", "screening", "notification", "delivery")
"""Those that ask another service, and so hold a token of their own."""


@dataclass(frozen=True)
class Database:
    """Where PostgreSQL listens, without credentials. `options`: how the connection is encrypted, as a URL's query."""

    host: str
    port: int
    name: str
    options: str = ""

    @property
    def verified(self) -> bool:
        """Whether its chain and name are verified."""
        return dict(parse_qsl(self.options)).get("sslmode") == "verify-full"


@dataclass(frozen=True)
class Settings:
    """Settings of one process. `namespace` keeps several systems apart on one broker and database (tests).

    `first_week` is the programme's first ISO week: what was registered before it is history and never triggers.
    """

    service: str
    environment: Literal["embedded", "production"]
    namespace: str
    state: Path
    secrets: Path
    inbox: Path
    clock: str
    kafka: str
    database: Database
    http_host: str
    base_port: int
    municipalities: tuple[str, ...]
    automatic_release: bool
    first_week: str
    urls: Mapping[str, str]
    tls: tls.Tls
    closed_network: bool

    def secret(self, name: str) -> str:
        """One secret. Raises Fatal naming the missing file."""
        path = self.secrets / name
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            what = f"secret {name} cannot be read ({type(error).__name__})"
            raise Fatal(f"{what}: run {mends.START}, or mount {path}") from None

    @property
    def port(self) -> int:
        """This service's HTTP port."""
        return self.base_port + SERVICES.index(self.service)

    def url(self, service: str) -> str:
        """Address of another service's HTTP doors."""
        return self.urls.get(service) or f"{self.tls.http_scheme}://127.0.0.1:{self.base_port + SERVICES.index(service)}"

    def kafka_name(self, name: str) -> str:
        """Name of a topic, group or principal on the broker."""
        return names.on_kafka(self.namespace, name)

    def database_name(self, name: str) -> str:
        """Name of a schema or role in the database."""
        return names.in_postgres(self.namespace, name)

    def database_url(self, role: str) -> str:
        """SQLAlchemy URL of a role, with its password from the secrets."""
        password = self.secret(f"postgres-{role}")
        place = self.database
        query = f"?{place.options}" if place.options else ""
        return f"postgresql+psycopg://{self.database_name(role)}:{password}@{place.host}:{place.port}/{place.name}{query}"


def place(url: str) -> Database:
    """Where the database of a URL is; a log-in in it is left out."""
    parts = urlsplit(url)
    name = parts.path.lstrip("/") or "socialsog"
    return Database(parts.hostname or "127.0.0.1", parts.port or 5432, name, tls.database_options(parts.query))


def _municipalities(text: str) -> tuple[str, ...]:
    codes = tuple(code.strip() for code in text.split(",") if code.strip())
    if unknown := [code for code in codes if code not in BY_CODE]:
        raise Fatal(f"SOCIALSOG_MUNICIPALITIES names unknown municipalities {unknown}: use three-digit codes")
    return codes or tuple(municipality.code for municipality in MUNICIPALITIES)


def load(service: str, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings of `service` from the environment. Raises Fatal that says which variable to mend."""
    environment = environ.get("SOCIALSOG_ENVIRONMENT", "production")
    if environment not in ("embedded", "production"):
        raise Fatal("SOCIALSOG_ENVIRONMENT must be embedded or production")
    state = Path(environ.get("SOCIALSOG_STATE", ".state")).resolve()
    found = Settings(
        service=service,
        environment="embedded" if environment == "embedded" else "production",
        namespace=environ.get("SOCIALSOG_NAMESPACE", ""),
        state=state,
        secrets=Path(environ.get("SOCIALSOG_SECRETS", state / "secrets")),
        inbox=Path(environ.get("SOCIALSOG_INBOX", state / "inbox")),
        clock=environ.get("SOCIALSOG_CLOCK", "system"),
        kafka=environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9392"),
        database=place(environ.get("DATABASE_URL", "postgresql://127.0.0.1:5632/socialsog")),
        http_host=environ.get("SOCIALSOG_HTTP_HOST", "127.0.0.1"),
        base_port=int(environ.get("SOCIALSOG_BASE_PORT", "8700")),
        municipalities=_municipalities(environ.get("SOCIALSOG_MUNICIPALITIES", "")),
        automatic_release=environ.get("SOCIALSOG_AUTOMATIC_RELEASE", "off") == "on",
        first_week=environ.get("SOCIALSOG_FIRST_WEEK", "2026-W38"),
        urls={name: environ[key] for name in SERVICES if (key := f"SOCIALSOG_{name.upper()}_URL") in environ},
        tls=tls.load(environ),
        closed_network=environ.get(CLOSED_NETWORK, "off") == "on",
    )
    if environment == "production":
        refuse_plain([*plain_engines(found.kafka, found.tls, found.database), *_plain(found)], found.closed_network)
    return found


def refuse_plain(mends: Sequence[str], closed_network: bool) -> None:
    """Raise Fatal where something has to be set, or else the network has to be closed."""
    if mends and not closed_network:
        said = ", ".join(mends)
        raise Fatal(f"what leaves this machine would not be encrypted: set {said}, or {CLOSED_NETWORK}=on where that may be")


def plain_engines(kafka: str, encryption: tls.Tls, database: Database) -> Iterator[str]:
    """What to set where a connection to an engine beyond this machine would be plain, or its other end not verified."""
    brokers = [urlsplit(f"//{each.strip()}").hostname or "" for each in kafka.split(",")]
    if not encryption.kafka and any(map(tls.beyond, brokers)):
        yield "KAFKA_SECURITY_PROTOCOL=SASL_SSL"
    if not database.verified and tls.beyond(database.host):
        yield "sslmode=verify-full in DATABASE_URL"


def _plain(found: Settings) -> Iterator[str]:
    """The same for the services' doors."""
    for name, parts in ((name, urlsplit(url)) for name, url in found.urls.items()):
        if parts.scheme != "https" and tls.beyond(parts.hostname or ""):
            yield f"SOCIALSOG_{name.upper()}_URL=https://…"
    if found.service in SERVICES and found.tls.certificate is None and tls.beyond(found.http_host):
        yield "SOCIALSOG_HTTP_CERTIFICATE and SOCIALSOG_HTTP_KEY"
