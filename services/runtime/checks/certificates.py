"""Until when are certificates good? Of doors and brokers this is seen as any client sees it: by connecting."""

import socket
import ssl
import time
from pathlib import Path

from cryptography import x509

from services.runtime.checks.finding import Finding, bad, ok, warn
from services.runtime.checks.mends import certificate

WARN_DAYS, BAD_DAYS = 30, 7
DAY_SECONDS = 86_400
ANSWER_SECONDS = 5


def ends(file: Path) -> float:
    """Until when a certificate is good, in Unix seconds."""
    return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc.timestamp()


def shown(host: str, port: int, trust: ssl.SSLContext, environment: str) -> Finding:
    """The certificate that somebody shows whom we connect to."""
    where = f"{host}:{port}"
    try:
        with (
            socket.create_connection((host, port), ANSWER_SECONDS) as plain,
            trust.wrap_socket(plain, server_hostname=host) as encrypted,
        ):
            found = encrypted.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return bad(
            "certificate", f"{where} shows one that is not accepted: {error.verify_message}", certificate(environment, ended=True)
        )
    except OSError as error:
        return bad("certificate", f"{where} shows none ({type(error).__name__})", certificate(environment, ended=True))
    return lasting(where, ssl.cert_time_to_seconds(str(found["notAfter"])) - time.time(), environment)


def lasting(where: str, seconds: float, environment: str) -> Finding:
    """How much time a certificate has left."""
    days = int(seconds // DAY_SECONDS)
    what = f"of {where} ends in {days} days"
    if days < WARN_DAYS:
        return (bad if days < BAD_DAYS else warn)("certificate", what, certificate(environment, ended=False))
    return ok("certificate", what)
