"""Which municipality acts for a child (*handlekommune*): set and lifted by the operator, known under each of its pseudonyms."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from litestar.testing import TestClient

from events.http.identity import ChildResidence
from services.delivery import acting, api
from services.runtime.http import application
from services.runtime.settings import load
from tests.integration.test_delivery import Desk
from tests.owned_store import OwnedStore


@pytest.fixture
def desk(make_store: Callable[[str], OwnedStore], tmp_path: Path) -> Desk:
    return Desk(make_store("delivery"), tmp_path / "public")


def test_who_acts_for_a_child_is_known_also_after_it_got_another_pseudonym(desk: Desk) -> None:
    (desk.keys / "751.json").write_bytes(msgspec.json.encode(desk.key.as_dict(private=False)))
    case_id, now_called = uuid4(), uuid4()
    desk.approve(desk.decision(case_id=case_id))
    desk.run()
    with desk.store.transaction() as transaction:
        acting.put(transaction, desk.child, "751")
    desk.residence = ChildResidence(now_called, now_called, "resident", True, "101", False)
    desk.approve(desk.decision(case_id=case_id, child=now_called))
    desk.run()
    assert (len(desk.messages("101")), len(desk.messages("751"))) == (1, 1)
    desk.approve(desk.decision(child=now_called))
    desk.run()
    assert (len(desk.messages("101")), len(desk.messages("751"))) == (2, 1), "another case tells nothing of the old pseudonym"
    desk.others = {desk.child: desk.child}  # taken for one, and parted again
    desk.approve(desk.decision(case_id=case_id, child=now_called))
    desk.run()
    assert (len(desk.messages("101")), len(desk.messages("751"))) == (3, 1), "what was set for another child is not this one's"
    desk.others = {}
    with desk.store.transaction() as transaction:
        acting.put(transaction, now_called, "101")
    desk.approve(desk.decision(case_id=case_id, child=now_called))
    desk.run()
    assert (len(desk.messages("101")), len(desk.messages("751"))) == (4, 1)


@pytest.fixture
def operator(desk: Desk, tmp_path: Path) -> Iterator[TestClient[Any]]:
    """The operator at delivery's doors, with the guard in front."""
    listed = [{"principal": "operator", "kind": "operator", "sha256": hashlib.sha256(b"operator").hexdigest()}]
    (tmp_path / "credentials.json").write_bytes(msgspec.json.encode(listed))
    settings = load("delivery", {"SOCIALSOG_SECRETS": str(tmp_path)})
    with TestClient(application(settings, api.routes(desk.store), list)) as client:
        client.headers["authorization"] = "Bearer operator"
        yield client


def test_an_acting_municipality_acts_until_it_is_lifted(desk: Desk, operator: TestClient[Any]) -> None:
    (desk.keys / "751.json").write_bytes(msgspec.json.encode(desk.key.as_dict(private=False)))
    door, body = "/acting-municipality", {"child": str(desk.child), "municipality": "751"}
    assert operator.post(door, json={**body, "municipality": "999"}).status_code == 400, "no municipality has this code"
    assert operator.post(door, json=body).json() == body
    assert operator.get(door).json() == [body]
    desk.approve(desk.decision())
    desk.run()
    assert operator.post(f"{door}/{desk.child}/lift").status_code == 204
    assert operator.post(f"{door}/{desk.child}/lift").status_code == 404, "there is nothing to lift any more"
    desk.approve(desk.decision())
    desk.run()
    assert (len(desk.messages("101")), len(desk.messages("751"))) == (1, 1)


def test_the_letters_of_a_case_are_looked_up_and_not_searched_for(desk: Desk) -> None:
    with desk.store.transaction() as transaction:
        transaction.execute("SET LOCAL enable_seqscan = off")  # of a small table the planner would rather read all
        plan = "\n".join(transaction.execute(f"EXPLAIN {acting.OF_CASE}", {"case": uuid4()}).scalars())
    assert "Seq Scan" not in plan
