"""identity's doors on a real PostgreSQL: ties, residence, unmasking, the clerk's queue, and who may come in."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from litestar.testing import TestClient
from sqlalchemy import event

from events.alias import Alias
from events.http.identity import ChildResidence, ResidenceRequest, Resolved
from services.identity import api
from services.identity.checks import whole
from services.identity.doors.register import whole_register
from services.identity.doors.residence import residence
from services.runtime.database import Store
from services.runtime.http import application
from services.runtime.settings import load
from tests.integration.identity_vault import END, NOW, Vault, child, cpr, home, moved, person


@pytest.fixture
def vault(make_store: Callable[[str], Store], tmp_path: Path) -> Vault:
    return Vault(make_store("identity"), tmp_path / "register")


@pytest.fixture
def client(vault: Vault, tmp_path: Path) -> Iterator[TestClient[Any]]:
    """The doors as uvicorn serves them, with the guard in front; a token is the principal's name."""
    services = ("intake", "screening", "notification", "delivery")
    kinds = {**dict.fromkeys(services, "service"), "clerk": "clerk", "operator": "operator"}
    listed = [{"principal": who, "kind": kind, "sha256": hashlib.sha256(who.encode()).hexdigest()} for who, kind in kinds.items()]
    folder = tmp_path / "doors"
    folder.mkdir()
    (folder / "credentials.json").write_bytes(msgspec.json.encode(listed))
    with TestClient(application(load("identity", {"SOCIALSOG_SECRETS": str(folder)}), api.routes(vault.store), list)) as opened:
        yield opened


def test_ties_by_parent_custody_and_household(vault: Vault) -> None:
    flat = home(1)
    mother, partner, holder, old = person(None, flat), person(None, flat), person(), cpr()
    kid = child(mother, {"cpr": old}, at=flat)
    kid["custody"] = [{"cpr": holder["cpr"], "type": "5", "from": "2025-01-01", "to": None}]
    father = person()
    homeless = child(mother, status="03")
    homeless["addresses"] = [{"municipality": "751", "from": "2020-01-01"}]
    vault.load(mother, partner, holder, kid, person(old), father, homeless, moved(old, father["cpr"]), kind="full")
    who = vault.who(kid)
    assert vault.bases(mother) == {who: ["parent", "household"], vault.who(homeless): ["parent"]}
    assert vault.bases(partner) == {who: ["household"]}
    assert vault.bases(holder) == {who: ["custody"]}
    assert vault.bases(father) == {who: ["parent"]}
    assert vault.ties(vault.who(mother)).ties[0].age_years == 11
    assert vault.ties(who).ties == []


def test_an_old_pseudonym_is_answered_as_it_was_asked(vault: Vault) -> None:
    mother, old = person(), cpr()
    kid = child(mother)
    vault.load(mother, kid, person(old), kind="full")
    asked, child_before = vault.resolve(old)[0].pseudonym, vault.who(kid)
    vault.load(moved(old, mother["cpr"]))
    assert [(tie.adult, tie.child) for tie in vault.ties(asked).ties] == [(asked, child_before)]


def test_every_reason_for_leaving_a_tie_out(vault: Vault) -> None:
    crowd, care, house = home(2), home(1, "", road_code="9901", floor="", single_unit=True), home(3, "", floor="")
    adults = {reason: person() for reason in ("of_age", "child_not_resident", "tie_not_valid")}
    ended = [{"cpr": adults["tie_not_valid"]["cpr"], "type": "3", "from": "2016-01-01", "to": "2026-09-20"}]
    lines = [
        child(adults["of_age"], born="2008-09-20"), child(adults["child_not_resident"], status="90"),
        person(None, home(9), born="2015-01-01", custody=ended),
    ]  # fmt: skip
    for reason, place in (("crowded_address", crowd), ("institution", care), ("incomplete_address", house)):
        adults[reason] = person(None, place)
        lines += [child(at=place), child(at=place)]
    others = [person(None, crowd) for _ in range(8)]
    alone = person(None, home(4))
    vault.load(*adults.values(), *lines, *others, alone, kind="full")
    vault.load({key: care[key] for key in ("municipality", "road_code", "house")} | {"type": "shelter"}, kind="institutions")
    for reason, adult in adults.items():
        assert vault.left_out(adult) == {reason: 2 if "address" in reason or reason == "institution" else 1}
        assert vault.bases(adult) == {}
    assert vault.left_out(alone) == {}
    vault.load(kind="institutions")
    assert vault.left_out(adults["institution"]) == {}
    vault.load(person(others[0]["cpr"], home(5)))
    assert len(vault.bases(adults["crowded_address"])) == 2
    assert vault.ties(vault.who(alone)).register_version == 4


def test_the_same_house_number_of_roads_that_nobody_names_is_no_household(vault: Vault) -> None:
    adult, stranger = person(None, home(8, road="Spurvestien", road_code=None)), home(8, road_code="")
    vault.load(adult, child(at=stranger), kind="full")
    assert vault.left_out(adult) == {"incomplete_address": 1}
    assert vault.bases(adult) == {}


def test_a_household_is_asked_for_at_the_end_of_the_week(vault: Vault) -> None:
    flat = home(6)
    kid, young = child(at=flat), person(None, flat, born="2008-09-21")
    left = person(None, {**flat, "to": "2026-09-20"}, home(7, **{"from": "2026-09-20"}))
    leaves = person(None, {**flat, "to": "2026-09-21"}, home(8, **{"from": "2026-09-21"}))
    vault.load(kid, left, leaves, young, kind="full")
    assert vault.bases(left) == {}
    assert vault.bases(leaves) == {vault.who(kid): ["household"], vault.who(young): ["household"]}
    assert vault.bases(young) == {}


def test_residence_follows_the_child(vault: Vault) -> None:
    kid = child(at=home(1), born="2008-09-23", protected=True)
    vault.load(kid, kind="full")
    who, number = vault.who(kid), kid["cpr"]
    assert vault.residence(who) == ChildResidence(who, who, "resident", True, "751", True)
    assert not vault.residence(who, datetime.fromisoformat("2026-09-22T22:00:00+00:00")).under_18
    away = {**home(2, municipality="851"), "from": "2026-09-22"}
    vault.load({**kid, "addresses": [{**home(1), "to": "2026-09-22"}, away]})
    assert (vault.residence(who).municipality, vault.residence(who, END).municipality) == ("851", "751")
    for status, standing in (("80", "emigrated"), ("70", "disappeared"), ("30", "annulled"), ("90", "dead")):
        vault.load({**kid, "status": status, "status_since": "2026-09-21", "addresses": []})
        assert (vault.residence(who).standing, vault.residence(who).municipality) == (standing, None)
    now = cpr()
    vault.load(
        moved(number, now), {**kid, "cpr": now, "status": "03", "addresses": [{"municipality": "101", "from": "2020-01-01"}]}
    )
    assert vault.residence(who) == ChildResidence(who, who, "no_fixed_address", True, "101", True)
    stranger = uuid4()
    assert vault.residence(stranger) == ChildResidence(stranger, stranger, "unknown", False, None, False)


def test_unmasking_names_those_of_the_letter_and_is_logged(vault: Vault) -> None:
    flat, old = home(1), cpr()
    mother, partner, holder, stranger = person(None, flat), person(None, flat, name="Ib Fiktivdal"), person(), person()
    father = person(name="Carl Attrappvig", sex="M")
    kid = child(mother, {"cpr": old}, at=flat, protected=True)
    kid["custody"] = [{"cpr": holder["cpr"], "type": "5", "from": "2025-01-01", "to": None}]
    vault.load(mother, partner, holder, stranger, father, moved(old, father["cpr"]), kid, kind="full")
    who, *adults = (vault.who(line) for line in (kid, partner, holder, stranger, father))
    answer = vault.unmask(who, *adults)
    assert (answer.child.cpr, answer.child.municipality, answer.child.protected) == (kid["cpr"], "751", True)
    assert [row.relation for row in answer.adults] == ["household", "custody_holder", "none", "father"]
    assert [(row.name, row.relation) for row in answer.parents] == [("Anna Zyntholm", "mother"), ("Carl Attrappvig", "father")]
    assert "Kanarie" not in msgspec.json.encode(answer).decode().replace("Kanarilund", "")
    logged = [entry for entry in vault.entries() if entry.action == "unmask"]
    assert {entry.verb for entry in logged} == {"consultation", "disclosure"}
    assert all({who, *adults, vault.who(mother)} <= set(entry.subjects) and entry.case_id for entry in logged)


def test_a_woman_in_the_father_s_place_is_a_parent_and_no_father(vault: Vault) -> None:
    mother, co_mother = person(), person(sex="F")
    kid = child(mother, co_mother)
    vault.load(mother, co_mother, kid, kind="full")
    answer = vault.unmask(vault.who(kid), vault.who(co_mother))
    assert [each.relation for each in (*answer.parents, *answer.adults)] == ["mother", "parent", "parent"]


def test_whoever_is_unmasked_under_an_older_pseudonym_is_named_by_the_current_one(vault: Vault) -> None:
    flat, old = home(1), cpr()
    kid, partner, before = child(at=flat), person(None, flat), person(old, flat)
    vault.load(kid, partner, before, kind="full")
    held, current = vault.who(before), vault.who(partner)
    vault.load(moved(old, partner["cpr"]))
    answer = vault.unmask(vault.who(kid), held, current)
    assert [row.pseudonym for row in answer.adults] == [vault.who(partner)] * 2
    assert [row.relation for row in answer.adults] == ["household"] * 2


def test_the_clerk_links_and_closes(vault: Vault, client: TestClient[Any]) -> None:
    known, foreign, nobody = person(), "060649AAAA", "060649BBBB"
    vault.load(known, kind="full")
    target, linked, closed = vault.who(known), *vault.resolve(foreign, nobody, kind="ENR")
    clerk = {"authorization": "Bearer clerk"}
    rows = client.get("/waiting", headers=clerk).json()
    assert {(row["kind"], row["number"]) for row in rows} == {("ENR", foreign), ("ENR", nobody)}
    assert client.post(f"/waiting/{linked.pseudonym}/link", headers=clerk, json={"cpr": cpr()}).status_code == 400
    assert client.post(f"/waiting/{linked.pseudonym}/link", headers=clerk, json={"cpr": known["cpr"]}).status_code == 204
    assert client.post(f"/waiting/{closed.pseudonym}/close", headers=clerk, json={"reason": "whatever"}).status_code == 400
    reason = {"reason": "no_register_match"}
    assert client.post(f"/waiting/{closed.pseudonym}/close", headers=clerk, json=reason).status_code == 204
    assert client.post(f"/waiting/{closed.pseudonym}/close", headers=clerk, json=reason).status_code == 404
    assert client.get("/waiting", headers=clerk).json() == []
    assert vault.aliases() == {
        linked.pseudonym: (1, Alias(linked.pseudonym, target, "identified")),
        closed.pseudonym: (1, Alias(closed.pseudonym, closed.pseudonym, "unidentifiable")),
    }
    assert vault.resolve(foreign, nobody, kind="ENR") == [
        Resolved(linked.pseudonym, "identified"),
        Resolved(closed.pseudonym, "unidentifiable"),
    ]


def test_a_wrong_link_is_undone_for_what_was_recorded_before_it_and_after(vault: Vault, client: TestClient[Any]) -> None:
    known, right, foreign = person(), person(), "060649AAAA"
    vault.load(known, right, kind="full")
    target, other, (waits,) = vault.who(known), vault.who(right), vault.resolve(foreign, kind="ENR")
    clerk = {"authorization": "Bearer clerk"}
    assert client.post(f"/linked/{waits.pseudonym}/undo", headers=clerk).status_code == 404
    assert client.post(f"/waiting/{waits.pseudonym}/link", headers=clerk, json={"cpr": known["cpr"]}).status_code == 204
    assert vault.resolve(foreign, kind="ENR") == [Resolved(waits.pseudonym, "identified")], "its own"
    (listed,) = client.get("/linked", headers=clerk).json()
    assert (listed["pseudonym"], listed["number"], listed["cpr"]) == (str(waits.pseudonym), foreign, known["cpr"])
    assert client.post(f"/linked/{waits.pseudonym}/undo", headers=clerk).status_code == 204
    assert client.post(f"/linked/{waits.pseudonym}/undo", headers=clerk).status_code == 404
    assert vault.aliases()[waits.pseudonym] == (2, Alias(waits.pseudonym, waits.pseudonym, "waiting"))
    assert [row["pseudonym"] for row in client.get("/waiting", headers=clerk).json()] == [str(waits.pseudonym)]
    assert (vault.who(known), vault.who(right)) == (target, other), "whom it was linked to stays who it was"
    assert client.post(f"/waiting/{waits.pseudonym}/link", headers=clerk, json={"cpr": right["cpr"]}).status_code == 204
    assert vault.aliases()[waits.pseudonym] == (3, Alias(waits.pseudonym, other, "identified"))
    assert {"waiting_linked", "links_listed", "link_undone"} <= {entry.action for entry in vault.entries()}


def test_doors_let_in_only_whom_they_are_for(vault: Vault, client: TestClient[Any]) -> None:
    body = {"identities": [{"kind": "CPR", "number": "7503851235"}]}
    assert client.post("/resolve", json=body).status_code == 401
    assert client.post("/resolve", json=body, headers={"authorization": "Bearer screening"}).status_code == 403
    answer = client.post("/resolve", json=body, headers={"authorization": "Bearer intake"})
    assert (answer.status_code, answer.json()["persons"][0]["standing"]) == (200, "waiting")
    for path in ("/register-files", "/register-quarantine"):
        assert client.get(path, headers={"authorization": "Bearer operator"}).json() == []
        assert client.get(path, headers={"authorization": "Bearer clerk"}).status_code == 403


def ask(client: TestClient[Any], kid: UUID, mother: UUID) -> dict[str, tuple[int, Any]]:
    """Status and answer of each door that answers from a whole register."""
    purpose = "compose_notification"
    bodies = {
        "/ties": ("screening", {"run_id": str(uuid4()), "week": "2026-W38", "adults": [str(mother)], "at": END.isoformat()}),
        "/residence": ("delivery", {"children": [str(kid)], "at": NOW.isoformat()}),
        "/unmask": ("notification", {"case_id": str(uuid4()), "purpose": purpose, "child": str(kid), "adults": []}),
    }
    answers = {
        path: client.post(path, json=body, headers={"authorization": f"Bearer {who}"}) for path, (who, body) in bodies.items()
    }
    return {path: (answer.status_code, answer.json()) for path, answer in answers.items()}


def renumbered(vault: Vault) -> tuple[UUID, UUID]:
    """A child and its mother; and a delivery with the child's new number lies in the inbox, of which each line is a batch."""
    mother, now = person(None, home(1)), cpr()
    kid = child(mother, at=home(1))
    vault.load(mother, kid, kind="full")
    who = vault.who(kid), vault.who(mother)
    vault.write("changes", [moved(kid["cpr"], now), {**kid, "cpr": now}])
    vault.loader.batch_lines = 1
    return who


def test_no_door_answers_from_a_register_that_is_half_read(vault: Vault, client: TestClient[Any]) -> None:
    kid, mother = renumbered(vault)
    vault.loader.step()
    assert [status for status, _ in ask(client, kid, mother).values()] == [503] * 3, "a delivery has begun"
    for _ in range(2):
        vault.loader.step()
        assert [status for status, _ in ask(client, kid, mother).values()] == [503] * 3, "a line more is read"
        identity = {"identities": [{"kind": "CPR", "number": cpr()}]}
        assert client.post("/resolve", json=identity, headers={"authorization": "Bearer intake"}).status_code == 200
    vault.loader.step()
    answers = ask(client, kid, mother)
    assert [status for status, _ in answers.values()] == [200] * 3
    assert [tie["child"] for tie in answers["/ties"][1]["ties"]] == [str(kid)]
    assert answers["/residence"][1]["children"][0]["standing"] == "resident"
    assert answers["/unmask"][1]["child"]["name"] == "Bo Kanarilund"


def statuses(client: TestClient[Any], who: tuple[UUID, UUID]) -> set[int]:
    return {status for status, _ in ask(client, *who).values()}


@pytest.mark.parametrize("again", ["the same", "mended"])
def test_a_delivery_that_is_refused_half_read_keeps_the_doors_shut(vault: Vault, client: TestClient[Any], again: str) -> None:
    who = renumbered(vault)
    data = vault.folder / "register-00002.jsonl"
    lines = data.read_bytes()
    for _ in range(2):
        vault.loader.step()
    data.unlink()
    vault.loader.step()
    assert (vault.files()[-1].state, vault.files()[-1].reason) == ("refused", "data_missing")
    vault.loader.scan()  # its manifest still lies there
    assert (statuses(client, who), whole(vault.store, vault.folder).level) == ({503}, "bad")
    data.write_bytes(lines + b" ")
    vault.loader.scan()
    assert vault.files()[-1].reason == "wrong_digest"
    assert statuses(client, who) == {503}
    if again == "the same":
        data.write_bytes(lines)
    else:
        vault.sequence = 1
        vault.write("changes", [*lines.splitlines(), person(None)])
    for _ in range(3):
        vault.loader.step()
        assert statuses(client, who) == {503}, "it is judged, and read"
    vault.loader.scan()
    assert statuses(client, who) == {200}
    found = whole(vault.store, vault.folder)
    assert (found.level, found.what) == ("ok", "whole, version 2")


def test_a_delivery_that_is_refused_before_its_first_line_opens_the_doors_again(vault: Vault, client: TestClient[Any]) -> None:
    who = renumbered(vault)
    vault.loader.step()
    (vault.folder / "register-00002.jsonl").unlink()
    vault.loader.step()
    assert (vault.files()[-1].state, vault.files()[-1].reason) == ("refused", "data_missing")
    assert (statuses(client, who), whole(vault.store, vault.folder).level) == ({200}, "ok")


def test_a_delivery_that_begins_after_the_look_waits_for_the_answer(vault: Vault) -> None:
    kid, _ = renumbered(vault)
    with whole_register(vault.store) as transaction:
        vault.loader.step()
        assert vault.files()[-1].state == "reading"
        reader = Thread(target=vault.loader.step)
        reader.start()
        reader.join(0.5)
        assert reader.is_alive()
        assert residence(transaction, ResidenceRequest([kid], NOW), "delivery").children[0].standing == "resident"
    reader.join(30)
    assert vault.files()[-1].lines_read == 1


def test_each_of_these_doors_locks_once(vault: Vault, client: TestClient[Any]) -> None:
    kid, mother = renumbered(vault)
    said: list[str] = []
    event.listen(vault.store.engine, "before_cursor_execute", lambda *call: said.append(call[2]))
    assert [status for status, _ in ask(client, kid, mother).values()] == [200] * 3
    assert sum("LOCK TABLE" in statement for statement in said) == 3


def test_nothing_clear_leaves_by_an_event(vault: Vault) -> None:
    line = person(None, home(1))
    vault.load(line, b"{", kind="full")
    vault.ties(vault.who(line))
    payloads = b"".join(bytes(row.payload) for row in vault.query("SELECT payload FROM outbox"))
    assert payloads
    assert not [clear for clear in (line["cpr"], "Zyntholm", "Kanarie", "1985") if clear.encode() in payloads]
