"""intake: whatever the order and however often revisions come, the highest one is what is held in the end."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.intake.domain.fate import Fate, State, fate, is_news
from services.intake.domain.keyed import Keyed
from services.intake.domain.row import Row

ROW = Row(
    journal_number="4200-81252-00001-26",
    party_number=1,
    revision=1,
    status="live",
    superseded_journal_number=None,
    district="1461",
    registered_at=datetime(2026, 9, 16, 6, tzinfo=UTC),
    occurred_at=datetime(2026, 9, 15, 22, tzinfo=UTC),
    code="1252",
    code_scheme="GER4",
    identity_kind="CPR",
    identity="7503851235",
    role="charged",
    outcome="open",
    place="Kanarievænget 12",
    child_present=True,
)


def state(revision: int, status: str = "live", content: bytes = b"") -> State:
    return State(revision, "withdrawn" if status == "withdrawn" else "live", content or f"{revision}{status}".encode())


@pytest.mark.parametrize(
    ("held", "offered", "expected"),
    [
        (None, state(1), "new"),
        (None, state(3, "withdrawn"), "withdrawn"),
        (state(1), state(2), "corrected"),
        (state(1), state(5), "corrected"),
        (state(1), state(2, "withdrawn"), "withdrawn"),
        (state(2, "withdrawn"), state(3), "corrected"),
        (state(2), state(2), "repeated"),
        (state(2, "withdrawn"), state(2, "withdrawn"), "repeated"),
        (state(2), state(1), "stale"),
        (state(2, content=b"a"), state(2, content=b"b"), "conflict"),
    ],
)
def test_fates(held: State | None, offered: State, expected: Fate) -> None:
    assert fate(held, offered) == expected


def settle(deliveries: list[tuple[int, State]]) -> tuple[dict[int, State], dict[int, int], list[Fate]]:
    """Held states and versions by key, and the fates, after these deliveries."""
    held: dict[int, State] = {}
    versions: dict[int, int] = {}
    fates = []
    for key, offered in deliveries:
        fates.append(fate(held.get(key), offered))
        if is_news(fates[-1]):
            held[key], versions[key] = offered, versions.get(key, 0) + 1
    return held, versions, fates


# Per key and revision one content only, as a source without faults delivers.
REVISIONS = st.dictionaries(
    st.tuples(st.integers(1, 4), st.integers(1, 6)), st.sampled_from(("live", "withdrawn")), min_size=1
).map(lambda found: [(key, state(revision, status)) for (key, revision), status in found.items()])


@given(REVISIONS, st.data())
def test_order_and_repetition_change_nothing_in_the_end(rows: list[tuple[int, State]], data: st.DataObject) -> None:
    held, _, _ = settle(sorted(rows, key=lambda row: row[1].revision))
    again = data.draw(st.lists(st.sampled_from(rows)))
    shuffled = data.draw(st.permutations(rows + again))
    found, versions, fates = settle(list(shuffled))
    assert found == held
    assert len(fates) == len(shuffled)
    assert sum(map(is_news, fates)) == sum(versions.values())
    assert fates.count("repeated") + fates.count("stale") >= len(again)
    assert "conflict" not in fates


@given(REVISIONS)
def test_the_same_delivery_again_is_never_news(rows: list[tuple[int, State]]) -> None:
    assert not any(map(is_news, settle(rows + rows)[2][len(rows) :]))


def test_content_is_the_same_when_all_sixteen_values_are() -> None:
    keyed = Keyed("secret")
    summer = timezone(timedelta(hours=2))
    moved = replace(ROW, registered_at=ROW.registered_at.astimezone(summer), occurred_at=ROW.occurred_at.astimezone(summer))
    assert keyed.content(moved) == keyed.content(ROW)
    changed = [
        replace(ROW, journal_number="4200-81252-00002-26"), replace(ROW, party_number=2), replace(ROW, revision=2),
        replace(ROW, status="withdrawn"), replace(ROW, superseded_journal_number="4200-81252-00002-26"),
        replace(ROW, district="1460"), replace(ROW, registered_at=ROW.registered_at + timedelta(seconds=1)),
        replace(ROW, occurred_at=ROW.occurred_at + timedelta(seconds=1)), replace(ROW, code="1255"),
        replace(ROW, code_scheme="SYNTHETIC"), replace(ROW, identity_kind="ENR"), replace(ROW, identity="7503851236"),
        replace(ROW, role="suspected"), replace(ROW, outcome="none"), replace(ROW, place=None), replace(ROW, child_present=False),
    ]  # fmt: skip
    assert len({keyed.content(row) for row in [ROW, *changed]}) == 17


def test_hashes_are_keyed_and_of_one_use_only() -> None:
    keyed, other = Keyed("secret"), Keyed("another")
    assert keyed.record("4200-81252-00001-26", 1) != keyed.record("4200-81252-00001-26", 11)
    assert keyed.record("4200-81252-00001-26", 1) != other.record("4200-81252-00001-26", 1)
    assert keyed.place("Kanarievænget  12") == keyed.place("KANARIEVÆNGET 12 ")
    assert keyed.place("Kanarievænget 12") != other.place("Kanarievænget 12")
    assert keyed.place(None) is None
    assert keyed.place(" ") is None
    assert keyed.content(ROW) != other.content(ROW)
    assert "7503851235" not in keyed.file_name("7503851235.manifest.json")
