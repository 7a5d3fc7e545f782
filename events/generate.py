"""Generates what others read of the contract: one JSON Schema per event type and for the letter, AsyncAPI, a table.

`python -m events.generate` writes the files; `files()` gives what they must be, and a test fails when they drift.
"""

import json
from pathlib import Path
from typing import Any, cast

import msgspec
import yaml

from events.envelope import Envelope
from events.letter import Letter
from events.topics import AUDIT, FACTS, Topic, municipal_notification, municipal_receipt

HERE = Path(__file__).parent
CODE = "{code}"


def contract() -> list[Topic]:
    """Every topic once; the municipal ones with a placeholder for the municipality's code."""
    return [*FACTS, *AUDIT.values(), municipal_notification(CODE), municipal_receipt(CODE)]


def schema(topic: Topic) -> dict[str, Any]:
    """JSON Schema (2020-12) of a message on this topic: envelope and data."""
    return _document(topic.type, cast(Any, Envelope)[topic.data])


def _document(name: str, kind: Any) -> dict[str, Any]:
    (root,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, "$id": f"{name}.schema.json", "title": name, **root, "$defs": components}


def asyncapi(topics: list[Topic]) -> dict[str, Any]:
    """AsyncAPI 3.0 document of all channels, with who sends and who receives."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Socialsøg notifications",
            "version": "1",
            "description": "Facts are whole states with a version; CloudEvents 1.0, structured JSON.",
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {"kafka": {"host": "{bootstrap}", "protocol": "kafka-secure", "security": [{"type": "scramSha512"}]}},
        "channels": {topic.name: _channel(topic) for topic in topics},
        "operations": {name: operation for topic in topics for name, operation in _operations(topic).items()},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": topic.name,
        "messages": {"fact": {"name": topic.type, "payload": {"$ref": f"schemas/{topic.type}.schema.json"}}},
        "bindings": {"kafka": {"partitions": topic.partitions, "topicConfiguration": _configuration(topic)}},
        "description": f"Key: {topic.key}.",
    }
    if CODE in topic.name:
        channel["parameters"] = {"code": {"description": "municipality code, three digits"}}
    return channel


def _configuration(topic: Topic) -> dict[str, Any]:
    return {"cleanup.policy": ["compact" if topic.compacted else "delete"], "retention.ms": topic.retention_ms}


def _operations(topic: Topic) -> dict[str, Any]:
    channel = {"$ref": f"#/channels/{topic.name.replace('/', '~1')}"}
    sends = {f"{topic.writer} sends {topic.name}": {"action": "send", "channel": channel}}
    receives = {f"{reader} receives {topic.name}": {"action": "receive", "channel": channel} for reader in topic.readers}
    return sends | receives


def table(topics: list[Topic]) -> str:
    """The topics as a Markdown table for the docs."""
    lines = ["| topic | key | writer | readers | partitions |", "|---|---|---|---|---|"]
    lines += [f"| `{t.name}` | {t.key} | {t.writer} | {', '.join(t.readers)} | {t.partitions} |" for t in topics]
    return "\n".join(lines) + "\n"


def files() -> dict[Path, str]:
    """Every generated file and its text."""
    topics = contract()
    generated = {HERE / "schemas" / f"{topic.type}.schema.json": _json(schema(topic)) for topic in topics}
    generated[HERE / "schemas" / "letter.v1.schema.json"] = _json(_document("dk.socialsog.letter.v1", Letter))
    generated[HERE / "asyncapi.yaml"] = yaml.safe_dump(asyncapi(topics), sort_keys=False, allow_unicode=True, width=120)
    generated[HERE / "schemas" / "TOPICS.md"] = table(topics)
    return generated


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write every generated file."""
    for path, text in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
