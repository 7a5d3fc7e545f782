"""A small certificate authority for one system: certificates for Kafka and every service's HTTP doors.

All lie in `$STATE/secrets/tls`, for the owner only: `ca.pem` (what clients trust; two certificates while the authority is being
replaced), and per server `<name>.crt`, `<name>.key` and both in `<name>.pem`. The authority's own key stays there too, so that a
server can be given a new certificate; a system with a real authority has only the files that it gives.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.secrets import private_file, private_folder
from services.runtime.checks.certificates import ends
from services.runtime.settings import SERVICES

SERVERS = ("kafka", *SERVICES)
"""Everybody here who accepts encrypted connections. The PostgreSQL of the wheel is built without them: loopback only."""
NAMES = (x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost"))
"""Nothing listens elsewhere."""
AUTHORITY_DAYS, SERVER_DAYS = 3650, 397
"""Servers: the longest that common clients accept. Authority: replaced long before, by `rotate tls`."""
RENEW = timedelta(days=30)
"""What ends sooner is replaced at a start."""
SKEW = timedelta(hours=1)
"""A certificate is valid from an hour ago: clocks differ."""


class Certificates:
    """The certificates of one system. `exist` decides whether its connections are encrypted."""

    def __init__(self, secrets: Path) -> None:
        self.folder = secrets / "tls"
        self.trusted = self.folder / "ca.pem"

    @property
    def exist(self) -> bool:
        """Whether there are any."""
        return self.trusted.exists()

    def certificate(self, name: str) -> Path:
        """A server's certificate."""
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """A server's private key."""
        return self.folder / f"{name}.key"

    def make(self) -> None:
        """Make what is missing."""
        private_folder(self.folder)
        if not self.key("ca").exists():
            self.new_authority()
        if not self.exist:
            self.trust_only_present()
        self.issue(name for name in SERVERS if not self.certificate(name).exists())

    def renew(self, within: timedelta = RENEW) -> list[str]:
        """Replace what ends so soon, with all of them where the authority does. The names of the servers that get new ones.

        Whoever of them runs still shows the old one, and trusts what was trusted when it began.
        """
        if not self.key("ca").exists():
            return []  # another authority's, which gives new ones itself
        until = (datetime.now(UTC) + within).timestamp()
        ending = [name for name in SERVERS if ends(self.certificate(name)) < until]
        if ends(self.certificate("ca")) < until:
            self.new_authority()
            ending = list(SERVERS)
        if ending:
            self.trust_also_present()
            self.issue(ending)
        return ending

    def new_authority(self) -> None:
        """Another authority. Nobody trusts it until `trust_also_present`."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _named("Socialsog embedded authority")
        made = _builder(name, name, key.public_key(), _in_days(AUTHORITY_DAYS)).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        private_file(self.key("ca"), _key_text(key))
        private_file(self.certificate("ca"), _text(made.sign(key, hashes.SHA256())))

    def trust_also_present(self) -> None:
        """Trust the present authority besides those that are trusted already."""
        trusted, present = self.trusted.read_text(), self.certificate("ca").read_text()
        if present not in trusted:
            private_file(self.trusted, trusted + present)

    def trust_only_present(self) -> None:
        """Trust the present authority alone."""
        private_file(self.trusted, self.certificate("ca").read_text())

    def issue(self, names: Iterable[str] = SERVERS) -> None:
        """Give these servers new keys and certificates, signed by the present authority; none is good for longer than that."""
        authority = x509.load_pem_x509_certificate(self.certificate("ca").read_bytes())
        signer = serialization.load_pem_private_key(self.key("ca").read_bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        until = min(_in_days(SERVER_DAYS), authority.not_valid_after_utc)
        for name in names:
            key = ec.generate_private_key(ec.SECP256R1())
            builder = _builder(_named(name), authority.subject, key.public_key(), until)
            builder = builder.add_extension(x509.SubjectAlternativeName(NAMES), critical=False).add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
            private_file(self.key(name), _key_text(key))
            certificate = _text(builder.sign(signer, hashes.SHA256()))
            private_file(self.certificate(name), certificate)
            private_file(self.folder / f"{name}.pem", _key_text(key) + certificate)  # both in one, as Kafka wants them


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _in_days(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, until: datetime) -> x509.CertificateBuilder:
    began = datetime.now(UTC) - SKEW
    builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), began, until)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_text(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
