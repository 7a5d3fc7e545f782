"""Stories planted on purpose, each with the outcome that the rules of the specification give it. One file
per family.
"""

from services.simulator.stories import (
    families,
    faults,
    identities,
    inferred,
    patterns,
    records,
    revisions,
    timing,
)
from services.simulator.stories.registry import STORIES, Story

__all__ = [
    "STORIES",
    "Story",
    "families",
    "faults",
    "identities",
    "inferred",
    "patterns",
    "records",
    "revisions",
    "timing",
]
