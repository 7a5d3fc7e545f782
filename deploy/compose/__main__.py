"""`python -m deploy.compose …`: the system as containers. What `make up`, `make down` and their like call."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from deploy.addresses import HOST
from deploy.compose import images
from deploy.compose.folder import Folder, Place
from deploy.compose.project import PLANNED, TRACED, ComposeFailed, Project
from deploy.console import Steps
from deploy.embedded.jars import CHECKOUT
from deploy.engines import DATABASE
from deploy.secrets import private_file
from deploy.system import FIRST_WEEK
from events.municipalities import MUNICIPALITIES
from services.runtime.settings import SERVICES

COPIES = range(1, 11)
"""Each service has ten ports."""


def project() -> Project:
    """The containers of `SOCIALSOG_CONTAINERS`, else of `.containers` in the checkout."""
    return Project(Folder(Path(os.environ.get("SOCIALSOG_CONTAINERS", CHECKOUT / ".containers")), Place.told()))


def prepare(found: Project) -> None:
    """Make the folder; what the shell says of municipalities, first week, release, runs, alarms and traces counts."""
    codes = [code for code in os.environ.get("SOCIALSOG_MUNICIPALITIES", "").split(",") if code]
    variables = {
        "SOCIALSOG_MUNICIPALITIES": ",".join(codes),
        "SOCIALSOG_FIRST_WEEK": os.environ.get("SOCIALSOG_FIRST_WEEK", FIRST_WEEK),
        "SOCIALSOG_AUTOMATIC_RELEASE": os.environ.get("SOCIALSOG_AUTOMATIC_RELEASE", "off"),
        **{name: os.environ[name] for name in (*PLANNED, *TRACED) if os.environ.get(name)},
    }
    found.folder.prepare(codes or [each.code for each in MUNICIPALITIES], variables)


@contextmanager
def explained() -> Iterator[None]:
    """Known failures end the command in one line."""
    try:
        yield
    except ComposeFailed as failure:
        raise click.ClickException(str(failure)) from None


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run the whole system as containers: Apache Kafka, PostgreSQL and every service, on this machine's loopback only."""


@main.command()
def image() -> None:
    """Build the services' image."""
    with explained():
        images.build()


@main.command()
@click.option("--scale", multiple=True, metavar="SERVICE=COPIES", help="More copies of a service, as in screening=3.")
def up(scale: tuple[str, ...]) -> None:
    """Start everything, wait until it is ready and print where it listens. Settings are production's: the system's clock, no
    synthetic persons.
    """
    copies = copies_of(scale)
    found, began = project(), time.monotonic()
    with explained(), Steps() as steps:
        steps.say(f"secrets and settings in {found.folder.path}")
        prepare(found)
        if not images.present(images.IMAGE):
            steps.say(f"building {images.IMAGE}")
            images.build()
        steps.say("Kafka and PostgreSQL, then what prepares them, then the services in the order they need each other")
        found.up(copies, show=True)
        remember(found)
    click.echo(f"ready after {time.monotonic() - began:.0f} s; all on this machine's loopback only")
    for name, where in listeners(found):
        click.echo(f"{name:<14} {where}")


def copies_of(scale: tuple[str, ...]) -> dict[str, int]:
    """What `--scale` asks for."""
    pairs = [each.partition("=")[::2] for each in scale]
    if wrong := [name for name, count in pairs if name not in SERVICES or not count.isdecimal() or int(count) not in COPIES]:
        raise click.BadParameter(f"{wrong[0]}: write a service's name, =, and 1 to 10", param_hint="--scale")
    return {name: int(count) for name, count in pairs}


def listeners(found: Project) -> list[tuple[str, str]]:
    """Where everything listens."""
    place = found.folder.place
    rows = [("Kafka", f"{HOST}:{place.kafka} (SASL_PLAINTEXT, SCRAM-SHA-512)"), ("PostgreSQL", f"{HOST}:{place.postgres}")]
    rows += [(name, found.door(name)) for name in SERVICES]
    folder = found.folder.path
    return [*rows, ("inbox", str(folder / "inbox")), ("secrets", str(folder / "secrets")), ("socialsog", f"{folder}/client.env")]


def remember(found: Project) -> None:
    """For `socialsog` on this machine: where everything is. No secret in it."""
    values = {f"SOCIALSOG_{name.upper()}_URL": found.door(name) for name in SERVICES} | {
        "SOCIALSOG_SECRETS": str(found.folder.secrets.folder),
        "KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{found.folder.place.kafka}",
        "DATABASE_URL": f"postgresql://{HOST}:{found.folder.place.postgres}/{DATABASE}",
    }
    private_file(found.folder.path / "client.env", "".join(f"{name}={value}\n" for name, value in sorted(values.items())))


@main.command()
def down() -> None:
    """Stop everything; the data stay."""
    stop(Project.down)


@main.command()
def forget() -> None:
    """Stop everything and remove the data of Kafka and PostgreSQL. What stays: the folder with the secrets and the inbox, and the
    dispatch journal, the only record of what has left.
    """
    stop(Project.forget)


def stop(how: Callable[[Project, bool], None]) -> None:
    """Remove the containers, if there can be any."""
    found = project()
    if not found.folder.env.exists():
        click.echo(f"nothing was ever started from {found.folder.path}")
        return
    with explained():
        how(found, True)


@main.command("public-images")
@click.argument("work", type=click.Path(path_type=Path), default=Path("/var/tmp/socialsog-stand-ins"))
def public_images(work: Path) -> None:
    """Have the public images here: pulled, or else stood in for (needs root and debootstrap), made in the folder WORK."""
    with explained():
        stand_ins = images.have_public(work)
    click.echo(f"stand-ins: {', '.join(stand_ins)}" if stand_ins else "all images are the public ones")


if __name__ == "__main__":
    main()
