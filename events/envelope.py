"""CloudEvents 1.0 envelope (structured JSON mode), the outside of every message on every topic.

Three extension attributes carry what the runtime's guarantees rest on: `aggregateversion` (apply only what is newer),
`position` (gapless per topic and partition, so that a consumer can prove that nothing is missing) and `correlationid`
(from the extract or run that caused the fact). Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from datetime import datetime
from typing import Generic, Literal, TypeVar
from uuid import UUID

import msgspec

T = TypeVar("T")


class Envelope(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """One fact on its way. `subject` is the aggregate's id and the Kafka key; `position` counts from 1."""

    id: UUID
    source: str
    type: str
    subject: str
    time: datetime
    aggregateversion: int
    position: int
    correlationid: str
    data: T
    specversion: Literal["1.0"] = "1.0"
    datacontenttype: Literal["application/json"] = "application/json"
