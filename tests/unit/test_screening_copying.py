"""Rows for COPY: what COPY would take for its own is escaped, wherever it stands."""

import re

from hypothesis import given
from hypothesis import strategies as st

from services.screening.copying import line

SPECIAL = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\"}


def read(text: str) -> list[str]:
    """A row as COPY reads it."""
    assert text.endswith("\n")
    assert text.count("\n") == 1
    return [re.sub(r"\\.", lambda found: SPECIAL[found[0]], value) for value in text[:-1].split("\t")]


@given(st.lists(st.text("ab\\\t\n\rn", max_size=5), min_size=1, max_size=4))
def test_any_texts_come_out_as_they_went_in(values: list[str]) -> None:
    assert read(line(values)) == values
