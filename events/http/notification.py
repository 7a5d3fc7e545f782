"""Notification's door for delivery: the frozen bytes of one approved letter, exactly those of the digest."""

from typing import Protocol, TypeVar
from uuid import UUID

import msgspec

T = TypeVar("T")


class Getter(Protocol):
    """Whatever can GET a struct from a door (the runtime's `Client`)."""

    def get(self, path: str, answer: type[T]) -> T:
        """GET `path`; the answer as `answer`."""


class FrozenLetter(msgspec.Struct, frozen=True):
    """An approved letter. `digest` is the SHA-256 (hex) over `content`, the JSON text of the letter bundle (data + HTML)."""

    draft_id: UUID
    draft_version: int
    digest: str
    content: str


class NotificationDoors:
    """Typed client of notification's door."""

    def __init__(self, getter: Getter) -> None:
        self._getter = getter

    def letter(self, draft_id: UUID, version: int) -> FrozenLetter:
        """The frozen letter. An HTTP 404 means that this version was never approved."""
        return self._getter.get(f"/letters/{draft_id}/{version}", FrozenLetter)
