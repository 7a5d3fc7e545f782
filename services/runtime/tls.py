"""Encrypted connections, by configuration: which authority vouches for Kafka and for HTTP, and this process's own certificate.

Nothing set: plain connections, for loopback only, which production enforces (`settings.py`). PostgreSQL's part stands in its URL
(`sslmode=verify-full&sslrootcert=…`). Every encrypted client verifies chain and name; there is no switch that turns that off.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from services.runtime.errors import Fatal

PROTOCOLS = ("SASL_PLAINTEXT", "SASL_SSL")


@dataclass(frozen=True)
class Tls:
    """What a process trusts and shows. `kafka`: whether connections to the broker are encrypted.

    An authority of None means the machine's own list of authorities.
    """

    kafka: bool = False
    kafka_ca: Path | None = None
    http: bool = False
    http_ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def kafka_protocol(self) -> str:
        """Kafka's name for how clients connect."""
        return PROTOCOLS[self.kafka]

    @property
    def http_scheme(self) -> str:
        """How the services' doors are addressed."""
        return "https" if self.http else "http"

    def kafka_options(self) -> dict[str, Any]:
        """Options of every kafka-python client."""
        options: dict[str, Any] = {"security_protocol": self.kafka_protocol}
        return options | {"ssl_context": trusting(self.kafka_ca)} if self.kafka else options

    def http_trust(self) -> ssl.SSLContext | bool:
        """What an HTTP client verifies with."""
        return trusting(self.http_ca) if self.http else True


def trusting(authority: Path | None) -> ssl.SSLContext:
    """A client's context that verifies chain and name. Raises Fatal naming the file that cannot be read."""
    try:
        return ssl.create_default_context(cafile=str(authority) if authority else None)
    except (OSError, ssl.SSLError) as error:
        raise Fatal(f"the authority's certificate {authority} cannot be read ({type(error).__name__})") from None


def load(environ: Mapping[str, str]) -> Tls:
    """The part of the settings that is about encryption. Raises Fatal that says which variable to mend."""
    kafka_ca, http_ca = _path(environ, "SOCIALSOG_KAFKA_CA"), _path(environ, "SOCIALSOG_HTTP_CA")
    certificate, key = _path(environ, "SOCIALSOG_HTTP_CERTIFICATE"), _path(environ, "SOCIALSOG_HTTP_KEY")
    protocol = environ.get("KAFKA_SECURITY_PROTOCOL", PROTOCOLS[kafka_ca is not None])
    if protocol not in PROTOCOLS:
        raise Fatal(f"KAFKA_SECURITY_PROTOCOL must be one of {', '.join(PROTOCOLS)}")
    if (certificate is None) != (key is None):
        raise Fatal("set both or neither of SOCIALSOG_HTTP_CERTIFICATE and SOCIALSOG_HTTP_KEY")
    if protocol == PROTOCOLS[0] and kafka_ca:
        raise Fatal("SOCIALSOG_KAFKA_CA is set and KAFKA_SECURITY_PROTOCOL says SASL_PLAINTEXT: nothing would be encrypted")
    return Tls(protocol == PROTOCOLS[1], kafka_ca, bool(http_ca or certificate), http_ca, certificate, key)


def beyond(host: str) -> bool:
    """Whether a host is not this machine alone."""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]) if environ.get(name) else None


def database_options(query: str) -> str:
    """What of a database URL's query is about encryption, to be given to the driver; nothing else is let through."""
    return urlencode([(name, value) for name, value in parse_qsl(query) if name.startswith("ssl")])
