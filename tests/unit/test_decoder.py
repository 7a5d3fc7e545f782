"""What is taken for an event of a topic: what disagrees with it is set aside by name, what is merely unknown is left alone."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from events import topics
from events.envelope import Envelope
from events.extract import Extract, RowCounts
from services.runtime.errors import Poison
from services.runtime.events import Decoder

AT = datetime(2026, 9, 21, tzinfo=UTC)
FACT = Extract("1461-00007", "1461", 7, AT, RowCounts(), [0, 0, 0, 0])
TYPE = topics.EXTRACT.type
KEY = FACT.extract_id.encode()


def message(**changes: Any) -> bytes:
    """An event of intake in which nothing is wrong but what is changed."""
    usual = msgspec.to_builtins(Envelope(UUID(int=1), "/intake", TYPE, FACT.extract_id, AT, 3, 5, "", FACT))
    return msgspec.json.encode(usual | changes)


def test_an_event_is_what_its_envelope_says() -> None:
    event = Decoder(topics.EXTRACT).decode(message(), KEY)
    assert (event.topic, event.key, event.version, event.position, event.data) == (topics.EXTRACT, FACT.extract_id, 3, 5, FACT)


@pytest.mark.parametrize(
    ("changes", "key", "reason"),
    [
        pytest.param({"type": topics.RECORD.type}, KEY, "type_disagrees_with_topic", id="another topic's type"),
        pytest.param({"type": "nobody.knows.v1"}, KEY, "type_disagrees_with_topic", id="unknown type"),
        pytest.param({"type": TYPE.replace(".v1", ".v2")}, KEY, "type_disagrees_with_topic", id="unknown version"),
        pytest.param({"type": ""}, KEY, "type_disagrees_with_topic", id="no type"),
        pytest.param({"source": "/screening"}, KEY, "source_disagrees_with_topic", id="another service"),
        pytest.param({"source": "intake"}, KEY, "source_disagrees_with_topic", id="no path"),
        pytest.param({"subject": "1461-00008"}, KEY, "key_disagrees_with_subject", id="another subject"),
        pytest.param({}, b"1461-00008", "key_disagrees_with_subject", id="another key"),
        pytest.param({}, b"", "key_disagrees_with_subject", id="empty key"),
        pytest.param({"position": 0}, KEY, "position_out_of_range", id="no position"),
    ],
)
def test_what_disagrees_is_poison_and_says_in_what(changes: dict[str, Any], key: bytes, reason: str) -> None:
    with pytest.raises(Poison, match=f"^{reason}$"):
        Decoder(topics.EXTRACT).decode(message(**changes), key)


@pytest.mark.parametrize(
    "changes",
    [{"specversion": "2.0"}, {"datacontenttype": "text/plain"}, {"aggregateversion": "new"}, {"data": {}}, {"id": "no uuid"}],
    ids=lambda changes: next(iter(changes)),
)
def test_an_envelope_of_another_shape_is_no_event(changes: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        Decoder(topics.EXTRACT).decode(message(**changes), KEY)


def test_fields_that_are_unknown_here_are_left_alone() -> None:
    more = {"traceparent": "00-1", "data": msgspec.to_builtins(FACT) | {"since_next_year": True}}
    assert Decoder(topics.EXTRACT).decode(message(**more), KEY).data == FACT
    assert Decoder(topics.EXTRACT).decode(message(), None).data == FACT, "a message without a key, as a dead letter may be"
