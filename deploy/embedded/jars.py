"""Jars by lock file: fetched once into a cache, each checked against its SHA-256 before it gets there and whenever it is used.

A lock file holds one line per jar: Maven coordinate and SHA-256.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import tenacity

if TYPE_CHECKING:
    from jgo.maven import MavenContext

CHECKOUT = Path(__file__).resolve().parents[2]
DOWNLOADS = 8
"""Jars fetched at a time: they are small, so latency and not bandwidth is the limit."""
TIMEOUT_SECONDS = 60
"""For one answer while fetching: a slow line is no failure."""

Progress = Callable[[str, int, int], None]
"""Told what is going on, how much is done and of how much."""


class DamagedJar(Exception):
    """A jar whose content is not what the lock file says; the message names it."""


class NotFetched(Exception):
    """A jar that is not here and cannot be fetched now; the message names it."""


class Jar(NamedTuple):
    """One line of a lock file."""

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


def provide(jars: Sequence[Jar], what: str, progress: Progress = lambda what, done, total: None) -> list[Path]:
    """These jars, verified, in their order; what is missing or damaged is fetched. Raises DamagedJar, NotFetched."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        digests = pool.map(lambda jar: digest(folder / jar.file), jars)
        missing = [jar for jar, found in zip(jars, digests, strict=True) if found != jar.sha256]
        if missing:
            _fetch_all(pool, missing, folder, lambda file, done, total: progress(f"{what}: {file}", done, total))
    return [folder / jar.file for jar in jars]


def _fetch_all(pool: ThreadPoolExecutor, missing: Sequence[Jar], folder: Path, progress: Progress) -> None:
    from jgo.maven import MavenContext  # 0.2 s to import, and needed once in a checkout's life

    with tempfile.TemporaryDirectory(dir=folder, prefix=".incoming-") as incoming:
        context = MavenContext(repo_cache=Path(incoming), timeout=TIMEOUT_SECONDS)
        running = [pool.submit(_fetch, context, jar, folder) for jar in missing]
        for number, (jar, fetched) in enumerate(zip(missing, running, strict=True), start=1):
            fetched.result()
            progress(jar.file, number, len(missing))


@tenacity.retry(stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_fixed(2), reraise=True)
def _fetch(context: "MavenContext", jar: Jar, folder: Path) -> None:
    """Fetch one jar beside the cache, check it, and only then move it in: an interrupted download leaves nothing behind."""
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    if artifact.cached_path is not None:
        artifact.cached_path.unlink(missing_ok=True)
    try:
        path = artifact.resolve()
    except (RuntimeError, OSError) as error:  # whatever the line or the repository says
        raise NotFetched(f"{jar.file} cannot be fetched ({type(error).__name__}): is there a way to Maven Central?") from None
    if digest(path) != jar.sha256:
        raise DamagedJar(f"{jar.file} as fetched is not what its lock file says")
    os.replace(path, folder / jar.file)
