"""`python -m deploy.provision`: everything in Kafka and PostgreSQL for the services that the environment describes.

What `docker-compose.yml` runs once before any service starts. Settings are the services' own (`services.runtime.settings`); the
administrators' passwords lie among the secrets. Running it again changes nothing.
"""

import logging
from functools import partial

import click

from deploy.containers import make_administrator
from deploy.embedded.kafka import serves
from deploy.embedded.postgres import ADMIN, answers
from deploy.engines import Engines
from deploy.provision.kafka import KafkaProvisioning, ProvisioningFailed
from deploy.provision.postgres import PostgresProvisioning
from deploy.secrets import Secrets
from deploy.waiting import DeadlinePassed, wait_until
from services.runtime.errors import Fatal
from services.runtime.settings import Settings, load

READY_SECONDS = 120
"""For both engines to serve. Their health checks came before, so this is only the last stretch of a slow machine."""


def engines(settings: Settings) -> Engines:
    """The engines that the settings name, with the administrators' log-ins."""
    place = settings.database
    query = f"?{place.options}" if place.options else ""
    url = f"postgresql://{ADMIN}:{settings.secret('postgres-admin')}@{place.host}:{place.port}/postgres{query}"
    return Engines(settings.kafka, "admin", settings.secret("kafka-admin"), url, place.name, tls=settings.tls)


def kafka_serves(found: Engines, closed_network: bool) -> bool:
    """Whether Kafka serves its administrator. A new container knows him by PLAIN only: he enters so where nobody listens."""
    known = serves(found.bootstrap, found.kafka_admin, found.kafka_password, found.tls)
    return known or (closed_network and make_administrator(found))


def provision(settings: Settings) -> dict[str, int]:
    """Make what is missing; how much that was. Raises DeadlinePassed, ProvisioningFailed."""
    found, secrets = engines(settings), Secrets(settings.secrets)
    wait_until(partial(answers, found.admin_url), READY_SECONDS, "PostgreSQL serves")
    wait_until(partial(kafka_serves, found, settings.closed_network), READY_SECONDS, "Kafka serves")
    memory = settings.state / "kafka-users.json"
    made = PostgresProvisioning(found, secrets, settings.namespace).apply()
    return made | KafkaProvisioning(found, secrets, settings.namespace, settings.municipalities, memory).apply()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Make users, topics, rights, roles, schemas and tables, as declared. Exit code 1: it says what to mend."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    try:
        made = provision(load("provision"))
    except (DeadlinePassed, ProvisioningFailed, Fatal) as failure:
        raise click.ClickException(str(failure)) from None
    click.echo(", ".join(f"{count} {what}" for what, count in made.items()))


if __name__ == "__main__":
    main()
