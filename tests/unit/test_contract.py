"""The contract: generated files do not drift, every message round-trips, and each topic has exactly one writer."""

from collections import Counter

import jsonschema
import pytest

from events import topics
from events.generate import HERE, contract, files, schema
from events.topics import Topic


def test_generated_files_do_not_drift() -> None:
    for path, text in files().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} drifted: run `make contract`"
    generated = set(files())
    assert set((HERE / "schemas").iterdir()) <= generated, "a schema that no topic has"


@pytest.mark.parametrize("topic", contract(), ids=lambda topic: topic.name)
def test_each_schema_is_valid_and_self_contained(topic: Topic) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(topic))


def test_every_topic_is_declared_once_and_never_read_by_its_writer_alone() -> None:
    declared = topics.declared()
    assert max(Counter(topic.name for topic in declared).values()) == 1
    assert all(topic.readers for topic in declared)


def test_a_municipality_can_only_reach_its_own_two_topics() -> None:
    for topic in topics.declared():
        for principal in (topic.writer, *topic.readers):
            if principal.startswith("municipality-"):
                assert topic.name.startswith(f"municipality.{principal.removeprefix('municipality-')}.")


def test_no_fact_names_a_field_that_could_hold_clear_personal_data() -> None:
    suspicious = {"cpr", "name", "address", "journal_number", "number", "birth_date", "comment", "road"}
    for topic in contract():
        named = set(_property_names(schema(topic)))
        assert not named & suspicious, (topic.name, named & suspicious)


def _property_names(document: object) -> list[str]:
    if isinstance(document, dict):
        own = list(document.get("properties", {}))
        return own + [name for value in document.values() for name in _property_names(value)]
    return []


def test_partition_is_stable() -> None:
    assert [topics.RECORD.partition(key) for key in ("a", "b", "c", "9f0c")] == [3, 1, 3, 0]
