"""The Faust app: one agent that hands every message of every topic to the board, from the beginning, in a group of its own.

Started without Faust's worker, which would take over print, logging and signals. Faust declares no topic, elects no leader,
serves no web page, and has no producer: monitoring may not write. An exception in an agent would acknowledge the event and go
on, so nothing here raises for the sake of one message.
"""

from typing import Any
from uuid import uuid4

import faust
from faust.app.base import BootStrategy
from yarl import URL

from services.monitoring.board import TOPICS, Board
from services.runtime import broker, tls
from services.runtime.settings import Settings

COMMIT_SECONDS = 60.0
"""Group offsets are for lag displays only: the next start reads from the beginning anyway."""
SESSION_SECONDS = broker.SESSION_TIMEOUT_MS / 1000


class ReadOnly(BootStrategy):
    """What starts with the app: no producer."""

    enable_kafka_producer = False


def build(settings: Settings, board: Board, folder: str) -> faust.App:
    """A new app in a new group. `folder` is for what Faust wants to have and never fills."""
    app = faust.App(
        f"{settings.kafka_name(settings.service)}-{uuid4().hex}",
        broker=[URL(f"kafka://{address}") for address in settings.kafka.split(",")],
        broker_credentials=faust.SASLCredentials(
            username=settings.kafka_name(settings.service),
            password=settings.secret(f"kafka-{settings.service}"),
            mechanism="SCRAM-SHA-512",
            ssl_context=tls.trusting(settings.tls.kafka_ca) if settings.tls.kafka else None,
        ),
        broker_commit_interval=COMMIT_SECONDS,
        broker_session_timeout=SESSION_SECONDS,
        broker_max_poll_records=broker.POLL_RECORDS,
        consumer_auto_offset_reset="earliest",
        datadir=folder,
        stream_wait_empty=False,
        store="memory://",
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
    )
    app.boot_strategy = ReadOnly(app)
    _count_all(app, settings, board)
    return app


def _count_all(app: faust.App, settings: Settings, board: Board) -> None:
    names = {settings.kafka_name(topic.name): topic.name for topic in TOPICS}
    channel = app.topic(*names, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    async def count(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            board.count(names[message.topic], message.partition, message.offset, message.key, message.value)

    app.agent(channel, name="count", concurrency=1)(count)
