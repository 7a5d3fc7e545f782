"""Three weeks of a synthetic Denmark in real processes on real engines, against the truth file, exact on all that is explicit."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import httpx
import jsonschema
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from deploy.compose.system import ComposeSystem
from deploy.testing import Running
from events import topics
from events.municipalities import DISTRICTS
from services.runtime import tracing
from services.runtime.broker import Broker
from services.simulator.canaries import PATTERN
from tests.system import leaks
from tests.system.doors import DOORS, EVERYWHERE, knocking
from tests.system.town import Town, lines

WEEKS = ("2026-W38", "2026-W39", "2026-W40")
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def town(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    with Town(running, folder, {tracing.FOLDER: str(folder / "traces")}) as found:
        found.drive.history()
        assert tuple(found.drive.week(number) for number in (1, 2, 3)) == WEEKS
        yield found


def test_what_was_told_is_the_truth(town: Town) -> None:
    assert town.untruths(WEEKS) == []


def test_every_ledger_balances_and_completes(town: Town) -> None:
    def complete(week: str) -> bool:
        account = town.drive.ledger(week)
        assert account is not None
        assert account.unbalanced == []
        return not account.open

    for week in WEEKS:
        town.drive.wait(f"{week} complete", partial(complete, week), seconds=30)
    answer = town.cli("ledger", "--json")
    assert answer.returncode == 0, answer.stderr
    documents = msgspec.json.decode(answer.stdout)
    assert [document["week"] for document in documents] == list(WEEKS)
    assert all(document["balanced"] and document["complete"] and document["catalogue"] == "2026-1" for document in documents)


def test_nothing_is_lost_doubled_out_of_order_or_unaudited(town: Town) -> None:
    assert town.violations() == []


def test_rows_met_their_fates(town: Town) -> None:
    staging = town.folder / "staging"
    expected = {row.pop("extract"): row for row in lines(staging / "truth_extracts.jsonl")}
    found = {row["extract_id"]: row for row in town.drive.doors.get("operator", "intake", "/extracts")}
    assert len(expected) > len(DISTRICTS) * len(WEEKS)
    assert found.keys() == expected.keys()
    for extract, counts in expected.items():
        got = {name: found[extract].get(name, found[extract].get("counts", {}).get(name)) for name in counts}
        assert got == counts, extract


def test_each_bad_row_is_quarantined_with_line_field_and_reason(town: Town) -> None:
    truth = lines(town.folder / "staging" / "truth_rows.jsonl")
    expected = sorted(
        (row["file"], row["line"], row["reason"], row["field"] or "") for row in truth if row["fate"] == "quarantined"
    )
    rows = town.drive.doors.get("operator", "intake", "/quarantine")
    assert sorted((row["file"], row["line"], row["reason"], row["field"] or "") for row in rows) == expected
    assert len({reason for _, _, reason, _ in expected}) > 4, "the world must plant every kind of bad row"


def test_the_same_week_again_says_so_and_adds_nothing(town: Town) -> None:
    before = town.told()
    answer = town.cli("run", "--week", "2026-W40", "--json")
    assert answer.returncode == 0, answer.stderr
    assert "finished" in answer.stdout
    assert town.told() == before


def test_notifications_are_listed_for_machines(town: Town) -> None:
    answer = town.cli("notifications", "--json")
    rows = msgspec.json.decode(answer.stdout)
    assert {"id", "week", "child", "municipality", "kind", "state"} <= set(rows[0])
    assert len(rows) == len([each for each in town.told() if each.outcome == "sent"])


def test_letters_reach_the_right_child_in_the_right_form(town: Town) -> None:
    schema = msgspec.json.decode((Path("events/schemas/letter.v1.schema.json")).read_bytes())
    sent = Counter((each.municipality, each.child, each.kind) for each in town.told() if each.outcome == "sent")
    current = town.current_number()
    received: Counter[tuple[str | None, str, str]] = Counter()
    for notification, bundle in town.case_systems.inbox.values():
        jsonschema.validate(bundle, schema)
        cpr = bundle["child"]["cpr"].replace("-", "")
        received[notification.municipality, current.get(cpr, cpr), notification.kind] += 1
    assert received.total() > 30
    assert received == sent


def test_each_letter_tells_of_exactly_the_records_that_it_must(town: Town) -> None:
    beside_us(town)
    told = town.told_pieces()
    assert len(told) > 30
    assert told == town.expected_pieces(WEEKS)


def test_each_disclosure_is_in_a_log_that_verifies(town: Town) -> None:
    doors = town.drive.doors
    assert doors.get("auditor", "audit", "/verify")["ok"]
    sources = {row["source"]: row for row in doors.get("auditor", "audit", "/sources")}
    assert set(sources) == set(topics.DOMAIN_SERVICES)
    assert all(row["waiting"] == 0 for row in sources.values())
    disclosed = doors.get("auditor", "audit", "/entries", verb="disclosure", limit=1000)["entries"]
    acknowledged = [row for row in town.system_deliveries() if row["state"] == "acknowledged"]
    assert len(acknowledged) > 30
    for row in acknowledged:
        about = [each for each in disclosed if row["child"] in map(str, each["subjects"]) and each["source"] == "delivery"]
        assert any(each["municipality"] == row["municipality"] for each in about), row["id"]

    def asked() -> bool:
        return bool(doors.get("auditor", "audit", "/entries", actor="auditor")["entries"])

    town.drive.wait("asking is itself an entry", asked, seconds=30)


def test_live_counts_agree_with_the_ledger(town: Town) -> None:
    def counted() -> int:
        states = town.drive.doors.get("operator", "monitoring", "/counts")["municipalities"].values()
        return sum(counts.get("acknowledged", 0) for counts in states)

    sent = len([each for each in town.told() if each.outcome == "sent"])
    town.drive.wait("monitoring counts", lambda: counted() == sent, seconds=30)


# Metrics and traces


def beside_us(town: Town) -> None:
    """Skip what reads files that containers keep to themselves, or asks each copy where one door leads to one of three."""
    if isinstance(town.system, ComposeSystem):
        pytest.skip("the composed system keeps its files in containers and has three copies of screening behind one door")


def test_metrics_agree_with_what_happened(town: Town) -> None:
    beside_us(town)

    def samples(service: str, name: str) -> list[Sample]:
        families = text_string_to_metric_families(leaks.scraped(town, service))
        return [sample for family in families for sample in family.samples if sample.name == name]

    sent = len([each for each in town.told() if each.outcome == "sent"])
    states = samples("delivery", "socialsog_deliveries")
    assert sum(each.value for each in states if each.labels["state"] == "acknowledged") == sent
    assert [(each.labels["status"], each.value) for each in samples("screening", "socialsog_runs")] == [("finished", len(WEEKS))]
    records = [each for each in samples("screening", "socialsog_messages_total") if each.labels["topic"] == topics.RECORD.name]
    (written,) = (each for each in samples("intake", "socialsog_published_total") if each.labels["topic"] == topics.RECORD.name)
    assert sum(each.value for each in records) == written.value > 1_000
    assert len(samples("intake", "socialsog_covered_timestamp_seconds")) == len(DISTRICTS)
    for service in topics.DOMAIN_SERVICES:
        assert samples(service, "socialsog_dead_letters") == []
        waiting = samples(service, "socialsog_outbox_waiting_messages")
        assert waiting, service
        assert all(each.value == 0 for each in waiting), service


class Span(NamedTuple):
    """One line of a trace file."""

    id: str
    parent: str | None
    name: str
    service: str
    state: str | None


def traces(town: Town) -> dict[str, list[Span]]:
    """All spans by trace."""
    found: dict[str, list[Span]] = defaultdict(list)
    for path in (town.folder / "traces").iterdir():
        for span in lines(path):
            name, service = span["name"], span["resource"]["attributes"]["service.name"]
            one = Span(span["context"]["span_id"], span["parent_id"], name, service, span["attributes"].get("state"))
            found[span["context"]["trace_id"]].append(one)
    return found


CHAIN = {
    ("intake", "extract row", None),
    ("intake", "intake.record.v1", None),
    ("screening", "screening handles", None),
    ("screening", "screening.candidate.v1", None),
    ("deduplication", "deduplication handles", None),
    ("deduplication", "deduplication.case.v1", None),
    ("notification", "notification handles", None),
    ("notification", "notification.decision.v1", "waiting"),
    ("notification", "notification.decision.v1", "approved"),
    ("delivery", "delivery handles", None),
    ("delivery", "delivery.state.v1", "pending"),
    ("delivery", "delivery.state.v1", "sent"),
    ("delivery", "delivery.state.v1", "received"),
    ("delivery", "delivery.state.v1", "acknowledged"),
}
"""Steps of the story of a row: who, what, and in which state. The last two are the municipality's receipts."""


def test_one_trace_leads_from_each_extract_row_to_the_receipt(town: Town) -> None:
    """Every row that a municipality was told of has one trace, all of whose spans hang together, through all services."""
    beside_us(town)
    found = traces(town)
    documents = [json.loads(bytes(row[0])) for row in town.rows("SELECT document FROM {ns}delivery.delivery")]
    told = [each for each in documents if each["state"] == "acknowledged" and each["kind"] in ("first", "supplement")]
    assert len(told) > 10
    for row in {UUID(evidence) for each in told for evidence in each["included"]}:
        spans = found[f"0x{tracing.trace_id(row):032x}"]
        steps = {(span.service, span.name, span.state) for span in spans}
        assert steps >= CHAIN, f"{row}: {CHAIN - steps}"
        known = {span.id for span in spans}
        assert [span.name for span in spans if span.parent is None] == ["extract row"]
        assert all(span.parent in known for span in spans if span.parent), row


def test_nothing_that_leads_to_a_trace_goes_to_a_municipality(town: Town) -> None:
    """Neither as a header nor in the message: no trace id, and no id that one could be computed from."""
    beside_us(town)
    inside = {str(row[0]) for row in town.rows("SELECT record_id FROM {ns}screening.record")}
    inside |= {trace.removeprefix("0x") for trace in traces(town)}
    assert len(inside) > 1_000
    messages = [message for code in town.settings.municipalities for message in leaks.messages(town, f"municipality-{code}")]
    assert len(messages) > 30
    for message in messages:
        assert not message.headers
        assert not inside & set(re.findall(r"[0-9a-f]{32}|[0-9a-f-]{36}", (message.key + b" " + message.value).decode()))


# Nobody gets in, nothing leaks


def test_no_door_opens_to_anyone_it_is_not_meant_for(town: Town) -> None:
    people = ["operator", "auditor", "approver", "clerk", "scraper", "reviewer-1461", "municipality-101", *topics.DOMAIN_SERVICES]
    kinds = {"reviewer-1461": "reviewer", "municipality-101": "municipality"}
    for name in topics.DOMAIN_SERVICES:
        build = import_module(f"services.{name}.main").build
        service = build(town.system.settings(name))
        assert {f"{method} {path}": allowed for method, path, allowed in service.doors()} == DOORS[name] | EVERYWHERE
        for method, path, allowed in service.doors():
            url = town.system.http(name) + knocking(path)
            assert httpx.request(method, url, trust_env=False).status_code == 401, (name, path)
            for person in people:
                if kinds.get(person, person) in allowed:
                    continue
                token = town.system.token(person)
                answer = httpx.request(method, url, headers={"authorization": f"Bearer {token}"}, trust_env=False)
                assert answer.status_code == 403, (name, path, person)
        service.store.close()


def test_a_municipality_sees_only_its_own(town: Town) -> None:
    seen = 0
    for code in town.settings.municipalities:
        page = town.drive.doors.get(f"municipality-{code}", "delivery", "/v1/notifications", after=0)
        assert {message["municipality"] for message in page["messages"]} <= {code}
        seen += len(page["messages"])
    assert seen > 30


def test_another_districts_reviewer_is_refused(town: Town) -> None:
    doors = town.drive.doors
    seen: dict[str, set[str]] = {}
    for district in DISTRICTS:
        rows = doors.get(f"reviewer-{district}", "notification", "/drafts", state="approved")
        seen[district] = {row["draft_id"] for row in rows}
    owner, draft = next((district, min(drafts)) for district, drafts in seen.items() if drafts)
    other = next(district for district in DISTRICTS if district != owner)
    assert draft not in seen[other]
    with pytest.raises(httpx.HTTPStatusError) as refused:
        doors.get(f"reviewer-{other}", "notification", f"/drafts/{draft}")
    assert refused.value.response.status_code in (403, 404)


def test_kafka_gives_each_principal_exactly_its_declared_rights(town: Town) -> None:
    declared = topics.declared(town.settings.municipalities)
    for principal in (*topics.DOMAIN_SERVICES, "monitoring", "municipality-101"):
        rights = Broker(town.settings, principal)
        operations = rights.operations(declared)
        rights.close()
        for topic in declared:
            allowed = operations.get(topic.name, set())
            assert ("WRITE" in allowed) == (topic.writer == principal), (principal, topic.name, allowed)
            assert ("READ" in allowed) == (principal in topic.readers), (principal, topic.name, allowed)


def test_no_role_reads_another_schema(town: Town) -> None:
    names = [town.settings.database_name(service) for service in topics.DOMAIN_SERVICES]
    pairs = town.rows(
        "SELECT r.rolname, n.nspname, has_schema_privilege(r.rolname, n.nspname, 'USAGE, CREATE') FROM pg_roles r "
        "CROSS JOIN pg_namespace n WHERE r.rolname = ANY(%(names)s) AND n.nspname = ANY(%(names)s)",
        names=names,
    )
    assert {(role, schema) for role, schema, reads in pairs if reads} == {(name, name) for name in names}
    assert len(pairs) == len(names) ** 2


def test_no_canary_lies_anywhere_but_in_the_declared_rooms(town: Town) -> None:
    assert [*leaks.in_tables(town), *leaks.in_topics(town), *leaks.in_logs(town)] == []
    assert PATTERN.search(b"|".join(str(row).encode() for row in town.rows("SELECT * FROM {ns}identity.person LIMIT 5"))), (
        "the search finds nothing"
    )


def test_no_canary_lies_in_metrics_traces_or_the_dispatch_journal(town: Town) -> None:
    beside_us(town)
    assert [*leaks.in_metrics_and_traces(town)] == []
    assert not PATTERN.search((town.system.state / "dispatch" / "journal.jsonl").read_bytes())
