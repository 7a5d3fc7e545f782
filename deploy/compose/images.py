"""The images: ours, built here, and the public ones, pulled – or, only where somebody asks for it, stood in for."""

import subprocess
import sys
from pathlib import Path

from deploy.compose.project import ComposeFailed
from deploy.containers import KAFKA_IMAGE, POSTGRES_IMAGE
from deploy.embedded.jars import CHECKOUT

PYTHON_IMAGE = "python:3.11-slim-bookworm"
"""The Python that the lock was made for."""
IMAGE = "socialsog:local"
RECIPE = CHECKOUT / "deploy" / "images"
WHEELS = RECIPE / "wheels"
PULL_SECONDS = 300


def docker(*arguments: str, seconds: float = 900) -> bool:
    """Whether a docker command succeeds; a person sees what it says. Raises ComposeFailed where there is no docker."""
    try:
        return subprocess.run(["docker", *arguments], timeout=seconds, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False
    except FileNotFoundError:
        raise ComposeFailed("there is no `docker` on this machine: install Docker with its compose plugin") from None


def present(image: str) -> bool:
    """Whether the image is on this machine."""
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode == 0


def build() -> None:
    """Build the services' image. Raises ComposeFailed."""
    file = str(RECIPE / "Dockerfile")
    if not docker("build", "--build-arg", f"PYTHON_IMAGE={PYTHON_IMAGE}", "--tag", IMAGE, "--file", file, str(CHECKOUT)):
        raise ComposeFailed("the image was not built: see above")


def have_public(work: Path) -> list[str]:
    """Pull what is missing of the public images; where that cannot be, make stand-ins. The names of those that are stand-ins."""
    wanted = (PYTHON_IMAGE, KAFKA_IMAGE, POSTGRES_IMAGE)
    if not all(present(image) or docker("pull", image, seconds=PULL_SECONDS) for image in wanted):
        _stand_in(work, *wanted)
    stand_ins = [image for image in wanted if is_stand_in(image)]
    if stand_ins:
        _fetch_wheels()
    return stand_ins


def _stand_in(work: Path, *wanted: str) -> None:
    made = subprocess.run([str(RECIPE / "standins" / "make.sh"), str(work), sys.executable, *wanted], cwd=CHECKOUT, check=False)
    if made.returncode:
        raise ComposeFailed("images can be neither pulled nor stood in for: see above")


def is_stand_in(image: str) -> bool:
    """Whether it was made here by the recipe of the stand-ins."""
    asked = ["docker", "image", "inspect", "--format", '{{index .Config.Labels "dk.socialsog.stand-in"}}', image]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == "yes"


def _fetch_wheels() -> None:
    """Wheels for the image, fetched by this machine: where no image can be pulled, a container reaches no index either."""
    lock = str(RECIPE / "requirements.lock")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    subprocess.run([*command, "--requirement", lock, "--dest", str(WHEELS)], check=True)
