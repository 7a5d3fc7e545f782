"""Circles among objects, which only a search finds: seldom while batches are made, and among all of them twice a minute.

A batch makes tens of thousands of objects and no circle. But each answer over HTTP and from Kafka is one, of few objects that
hold hundreds of kilobytes: counting objects, as Python does, intake had gathered 400 MB of them by the end of a national load.
"""

import gc
from threading import Event as Signal

COLLECT_AFTER = 100_000
"""New objects before Python looks among them. With its own number (700) decoding takes twice as long, and a quarter of the
register's load went into looking."""
TIDY_SECONDS = 30.0
"""Between two looks at everything: 20 MB of answers at most. A look costs a fifth of a second where batches are being made;
each five seconds, it took a seventh of intake's time."""


def tune() -> None:
    """From now on look seldom among new objects."""
    gc.set_threshold(COLLECT_AFTER)


def tidy(stop: Signal) -> None:
    """Look at everything twice a minute until told to stop; what is there at the start stays, and is left out."""
    gc.freeze()
    while not stop.wait(TIDY_SECONDS):
        gc.collect()
