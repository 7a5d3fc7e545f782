"""The dashboard and the alert rules speak PromQL of metrics and labels that exist, and name commands that exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import promql_parser as promql
import pytest
import yaml

from services.cli import main
from services.runtime import metrics
from services.runtime.settings import SERVICES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "observability"
TARGET = ("job", "instance", "service")
"""Labels that the scrape configuration gives to every series."""


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    return found


EXPRESSIONS = [
    *(pytest.param(rule["expr"], id=rule["alert"]) for rule in rules()),
    *(pytest.param(target["expr"], id=panel["title"]) for panel in panels() for target in panel.get("targets", ())),
]


def nodes(expression: Any) -> Iterator[Any]:
    """An expression and all that it consists of."""
    yield expression
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        if (part := getattr(expression, name, None)) is not None:
            yield from nodes(part)
    for part in getattr(expression, "args", None) or ():
        yield from nodes(part)


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_every_expression_parses_and_asks_for_what_is_exported(text: str) -> None:
    known = {name: {*labels, *TARGET} for name, labels in metrics.declared().items()} | {"up": set(TARGET)}
    found = list(nodes(promql.parse(text)))
    selectors = [node for node in found if isinstance(node, promql.VectorSelector)]
    assert selectors
    for selector in selectors:
        assert selector.name in known, f"{selector.name} is exported by nobody"
        used = {matcher.name for matcher in selector.matchers.matchers}
        assert used <= known[selector.name], f"{selector.name} has no label {used - known[selector.name]}"
    grouped = {
        label for node in found if isinstance(node, promql.AggregateExpr) and node.modifier for label in node.modifier.labels
    }
    carried = set().union(*(known[selector.name] for selector in selectors))
    assert grouped <= carried, f"no metric here has {grouped - carried}"


def test_the_check_finds_what_does_not_exist() -> None:
    with pytest.raises(AssertionError, match="exported by nobody"):
        test_every_expression_parses_and_asks_for_what_is_exported("max(socialsog_no_such_thing)")
    with pytest.raises(AssertionError, match="has no label"):
        test_every_expression_parses_and_asks_for_what_is_exported('socialsog_drafts{child="x"}')
    with pytest.raises(AssertionError, match="no metric here has"):
        test_every_expression_parses_and_asks_for_what_is_exported("max by (district) (socialsog_drafts)")
    with pytest.raises(ValueError, match="unclosed"):
        promql.parse("max by (socialsog_drafts")


def test_no_label_can_carry_a_person_or_a_case() -> None:
    bounded = {
        "topic",
        "fate",
        "part",
        "kind",
        "name",
        "method",
        "door",
        "status",
        "place",
        "origin",
        "state",
        "district",
        "level",
        "le",
    }
    assert {label for labels in metrics.declared().values() for label in labels} == bounded | {"municipality"}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_every_alert_says_what_it_is_and_what_mends_it(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]
    command: click.Command = main
    program, *words = rule["annotations"]["mend"].split()
    for word in words if program == "socialsog" else ():
        if isinstance(command, click.Group):
            assert word in command.commands, f"{rule['alert']} names `socialsog {word}`"
            command = command.commands[word]


def published() -> dict[str, int]:
    """The first port of each service on this machine, as docker-compose.yml has it unless it is told otherwise."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    firsts = {name: services[name]["ports"][0].split("-${")[0].replace("${SOCIALSOG_DOORS:-87}", "87") for name in SERVICES}
    return {name: int(text.rpartition(":")[2]) for name, text in firsts.items()}


@pytest.mark.parametrize(
    ("file", "ports"),
    [
        ("prometheus.yml", {name: 8700 + number for number, name in enumerate(SERVICES)}),
        ("prometheus.containers.yml", published()),
    ],
)
def test_every_service_is_scraped_with_the_scrapers_own_token(file: str, ports: dict[str, int]) -> None:
    found = yaml.safe_load((FOLDER / file).read_text(encoding="utf-8"))
    (job,) = found["scrape_configs"]
    assert {each["labels"]["service"]: each["targets"] for each in job["static_configs"]} == {
        name: [f"127.0.0.1:{port}"] for name, port in ports.items()
    }
    assert job["authorization"]["credentials_file"].endswith("http-scraper")
    assert found["rule_files"] == ["alerts.yml"]


def test_the_ledgers_alarms_page_once_they_are_escalated_and_not_before() -> None:
    found = {rule["expr"]: rule["labels"]["severity"] for rule in rules() if "socialsog_alarm" in rule["expr"]}
    assert found == {
        'max by (kind) (socialsog_alarm{level="escalate"}) > 0': "page",
        'max by (kind) (socialsog_alarm{level="warn"}) > 0': "ticket",
    }


def test_a_topic_that_moves_does_not_hide_one_that_stands_still() -> None:
    """Both sides of `unless` are told apart by everything that the left side is told apart by."""
    found = [promql.parse(rule["expr"]) for rule in rules() if "unless" in rule["expr"]]
    assert len(found) == 2
    for each in found:
        (left, right) = (set(side.lhs.modifier.labels) for side in (each.lhs, each.rhs))
        assert left == right == set(each.modifier.matching.labels) == {"service", "topic"}


def test_the_page_names_the_rules_that_compare_business_time_with_the_real_one() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (named,) = re.findall(r"simulated clock of the embedded form the rules (.*?) mean nothing", page, re.DOTALL)
    mixed = {rule["alert"] for rule in rules() if "time() -" in rule["expr"] and "socialsog_looked_" not in rule["expr"]}
    assert set(re.findall(r"`(\w+)`", named)) == mixed, "looks are noted by real time"
