"""The log's seal: any change to any row is found, and the place where it happened."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.audit import AuditEntry
from services.audit.domain import (
    START,
    LogRow,
    NotSealable,
    Sealed,
    SourceDisagrees,
    canonical,
    contiguous,
    link,
    log_row,
    moment,
    seal,
    verify,
)

AT = datetime(2026, 9, 21, 5, 0, tzinfo=UTC)
PERSON = UUID("6f0e6a3c-9d38-4b07-9a56-0d5f1d3c2b11")


def entry(source: str = "intake", **changes: Any) -> AuditEntry:
    values: dict[str, Any] = {
        "source": source,
        "verb": "collection",
        "action": "extract_read",
        "purpose": "screening",
        "actor": f"service:{source}",
        "at": AT,
        "subjects": [PERSON],
        "detail": {"rows": 3},
    }
    return AuditEntry(**(values | changes))


def chained(entries: list[Sealed]) -> list[LogRow]:
    """The log that these entries make."""
    chain, rows = START, []
    for position, sealed in enumerate(entries, 1):
        chain = link(chain, canonical(sealed))
        rows.append(log_row(position, sealed, chain.hex()))
    return rows


def log() -> list[LogRow]:
    numbered = [("intake", 1), ("intake", 2), ("identity", 1), ("intake", 3), ("identity", 2)]
    return chained([seal(entry(source, detail={"rows": number}), source, number) for source, number in numbered])


def test_sealed_entry_has_every_field_with_its_number_and_the_time_in_utc() -> None:
    summer = timezone(timedelta(hours=2))
    sealed = seal(entry(at=datetime(2026, 9, 21, 7, 0, tzinfo=summer)), "intake", 7)
    assert (sealed["at"], sealed["number"], sealed["case_id"]) == ("2026-09-21T05:00:00.000000Z", 7, None)
    assert sealed["subjects"] == [str(PERSON)]


def test_the_source_is_the_topics() -> None:
    with pytest.raises(SourceDisagrees):
        seal(entry("intake"), "identity", 1)


def test_what_has_no_canonical_form_is_refused() -> None:
    with pytest.raises(NotSealable):
        canonical(seal(entry(detail={"rows": 2**53}), "intake", 1))
    with pytest.raises(NotSealable):
        moment(datetime(2026, 9, 21))


def test_the_seal_is_the_published_one() -> None:
    """Fixed for ever: a log sealed by an older version must still verify."""
    content = canonical(seal(entry(), "intake", 1))
    assert content == (
        b'{"action":"extract_read","actor":"service:intake","at":"2026-09-21T05:00:00.000000Z","case_id":null,'
        b'"detail":{"rows":3},"municipality":null,"number":1,"purpose":"screening","recipient":null,"run_id":null,'
        b'"source":"intake","subjects":["6f0e6a3c-9d38-4b07-9a56-0d5f1d3c2b11"],"verb":"collection","week":null}'
    )
    assert link(START, content).hex() == "95199886e0165d3386491e7d80161608c51f54b10acb8a16e2f18c27592299e9"


def test_a_log_as_it_was_written_verifies_whole_and_in_parts() -> None:
    rows = log()
    whole = verify(rows)
    assert (whole.ok, whole.position, whole.head, whole.sources) == (True, 5, rows[-1]["chain"], {"intake": 3, "identity": 2})
    first = verify(rows[:2])
    assert verify(rows[2:], bytes.fromhex(first.head), first.position, first.sources) == whole
    assert verify([]).ok


@given(st.integers(0, 4), st.sampled_from(["verb", "action", "actor", "at", "subjects", "detail", "source", "number", "purpose"]))
def test_a_changed_field_is_found_where_it_is(place: int, field: str) -> None:
    rows = log()
    rows[place] = rows[place] | {field: 99 if field == "number" else "other"}
    verdict = verify(rows)
    assert (verdict.ok, verdict.first_bad, verdict.reason) == (False, place + 1, "chain_broken")


@given(st.permutations(range(5)))
def test_any_other_order_is_found(order: list[int]) -> None:
    rows = log()
    assert verify([rows[place] for place in order]).ok == (order == sorted(order))


@given(st.integers(0, 3))
def test_a_row_taken_out_is_found_even_when_the_rest_is_numbered_anew(place: int) -> None:
    rows = log()
    del rows[place]
    assert verify(rows).reason == "position_missing"
    assert not verify([row | {"position": position} for position, row in enumerate(rows, 1)]).ok


def test_a_number_left_out_is_found_even_when_the_chain_is_made_anew() -> None:
    forged = chained([seal(entry(), "intake", 1), seal(entry(), "intake", 3)])
    assert (verify(forged).first_bad, verify(forged).reason) == (2, "number_missing")


@given(st.sets(st.integers(1, 30)), st.integers(0, 10))
def test_contiguous_stops_before_the_first_gap(numbers: set[int], appended: int) -> None:
    last = contiguous(appended, numbers)
    assert set(range(appended + 1, last + 1)) <= numbers
    assert last + 1 not in numbers
