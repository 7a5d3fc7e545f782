"""The list of stories. A story is a function that writes one instance with a `Cast`; its name is the story's
name.
"""

from collections.abc import Callable
from typing import NamedTuple

from services.simulator.cast import Cast


class Story(NamedTuple):
    """A story: `span` weeks long, starting no earlier than `earliest` and no later than `latest`."""

    name: str
    write: Callable[[Cast], None]
    span: int
    earliest: int
    latest: int | None


STORIES: list[Story] = []


def story(
    span: int = 1, earliest: int = 1, latest: int | None = None
) -> Callable[[Callable[[Cast], None]], Callable[[Cast], None]]:
    """Enter a function into the list of stories."""

    def enter(write: Callable[[Cast], None]) -> Callable[[Cast], None]:
        STORIES.append(Story(write.__name__, write, span, earliest, latest))
        return write

    return enter
