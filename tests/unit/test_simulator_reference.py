"""The planted truth against a second opinion: a naive model of the specification reads the delivered files, week by week.

Small, slow and in memory on purpose. It shares no code with the services nor with the generator's stories; where the two
disagree, either a story is not what it says or its expectation is wrong.
"""

import csv
import json
from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from services.simulator.world import Deliverable, World

ZONE = ZoneInfo("Europe/Copenhagen")
AT_HOME = {"1250", "1455", "H-001"}
"""Happens in the family or the home by its nature: psychological violence, offences within the family, husspektakler."""
VIOLENT = {"1240", "1252", "1255", "1258", "1380"}
"""Happens anywhere."""
R1 = AT_HOME | VIOLENT | {"1292", "H-009", "H-010"}
R2 = {"1435", "2210", "H-005"}
SEVERE = {"1131", "1240", "1255", "1258", "1455", "H-003", "H-006"}
SUICIDE = {"H-002", "H-003"}
KNOWN = R1 | R2 | SEVERE | SUICIDE | {"1332", "H-004", "H-007", "H-008"}
"""Every code of the world that is searched for."""
RULES = {"R1": (R1, 2, 2, 12), "R2": (R2, 3, 2, 24), "R3": (KNOWN, 4, 3, 12), "R4": (SEVERE, 1, 1, 3), "R5": (SUICIDE, 2, 2, 12)}
LISTED = {
    "status": {"live", "withdrawn"},
    "identity_kind": {"CPR", "ENR", "UNR"},
    "role": {"charged", "suspected", "victim", "witness", "reporter", "involved"},
    "outcome": {"open", "charged", "convicted", "fined", "dropped", "acquitted", "none"},
}
Key = tuple[str, int]


class Notice(NamedTuple):
    """One notification as the model or the truth has it."""

    child: str
    kind: str
    outcome: str
    municipality: str | None
    adults: frozenset[str]
    evidence: frozenset[Key]
    rules: frozenset[str]


def months_back(moment: datetime, months: int) -> datetime:
    """Calendar months."""
    month = moment.month - 1 - months
    return moment.replace(year=moment.year + month // 12, month=month % 12 + 1)


class Model:
    """Register, records and told-states, kept as plainly as possible."""

    def __init__(self, first: datetime) -> None:
        self.first = first
        self.people: dict[str, dict[str, Any]] = {}
        self.care: set[tuple[str, ...]] = set()
        self.records: dict[Key, dict[str, Any]] = {}
        self.covered: dict[Key, int] = {}
        self.told: dict[str, dict[Key, Key]] = defaultdict(dict)

    # deliveries

    def take(self, item: Deliverable) -> list[tuple[str, int, str]]:
        """Take a delivery in; the fates of its rows that are not new."""
        if item.data is None:
            return []
        if item.folder == "register":
            self._register(item.kind, item.data)
            return []
        return list(self._rows(item.data))

    def _register(self, kind: str, data: Path) -> None:
        for line in map(json.loads, data.read_text("utf-8").splitlines()):
            if kind == "institutions":
                self.care.add(unit(line))
            else:
                self.people[line["cpr"]] = line

    def _rows(self, data: Path) -> Any:
        district = data.name[:4]
        lines = data.read_bytes().splitlines()
        header = lines[0].decode().split(",") if data.suffix == ".csv" else None
        for number, line in enumerate(lines, 1):
            if header and number == 1:
                continue
            row = parse(line, header)
            if row is None or not good(row, district):
                yield data.name, number, "quarantined"
                continue
            fate = self._record(row)
            if fate != "new":
                yield data.name, number, fate

    def _record(self, row: dict[str, Any]) -> str:
        key = (row["journal_number"], row["party_number"])
        known = self.records.get(key)
        if known and row["revision"] < known["revision"]:
            return "stale"
        if known and row["revision"] == known["revision"]:
            return "repeated" if row == known else "quarantined"
        self.records[key] = row
        return "withdrawn" if row["status"] == "withdrawn" else "corrected" if known else "new"

    # the week

    def current(self, number: str) -> str:
        """The number that the register leads to."""
        while number in self.people and self.people[number]["current_cpr"]:
            number = self.people[number]["current_cpr"]
        return number

    def changed(self) -> dict[str, list[Notice]]:
        """Corrections and retractions of what was told, by the records as they are now."""
        found = defaultdict(list)
        live, tips = self._events()
        for child, told in self.told.items():
            off = {root: key for root, key in told.items() if root not in tips or not counts(live[tips[root]])}
            if off:
                kind = "retraction" if all(root not in tips for root in off) and len(off) == len(told) else "correction"
                found[child].append(self._notice(child, kind, frozenset(off.values()), frozenset()))
                self.told[child] = {root: key for root, key in told.items() if root not in off}
        return found

    def run(self, end: datetime) -> dict[str, Notice]:
        """The weekly run: a draft per child, nothing decided yet."""
        live, tips = self._events()
        fresh = self._fresh(live, tips, end)
        by_adult: dict[str, list[Key]] = defaultdict(list)
        for root, tip in tips.items():
            row = live[tip]
            adult = self.current(row["identity"])
            if row["identity_kind"] == "CPR" and adult in self.people and counts(row) and moment(row["registered_at"]) < end:
                by_adult[adult].append(root)
        candidates: dict[str, list[tuple[str, list[Key], set[str]]]] = defaultdict(list)
        for adult, roots in by_adult.items():
            rules = fired([(live[tips[root]], root in fresh, self._past(tips[root])) for root in roots], end)
            for child in self._children(adult, end) if rules else ():
                candidates[child].append((adult, roots, rules))
        self._cover(live, end)
        return {child: draft for child, parts in candidates.items() if (draft := self._draft(child, parts, tips))}

    def send(self, drafts: dict[str, Notice], at: datetime) -> list[Notice]:
        """Decide and send at a moment: where the child lives now, if it is alive, here and a child."""
        sent = []
        for draft in drafts.values():
            child = self.people[draft.child]
            if child["status"] in ("01", "03") and age(child, at) < 18:
                sent.append(draft._replace(outcome="sent", municipality=child["addresses"][-1]["municipality"]))
                self._tell(draft)
            else:
                sent.append(draft._replace(outcome="suppressed", municipality=None))
        return sent

    def _tell(self, draft: Notice) -> None:
        if draft.kind in ("first", "supplement"):
            _, tips = self._events()
            self.told[draft.child] |= {root: tip for root, tip in tips.items() if tip in draft.evidence}

    def _events(self) -> tuple[dict[Key, dict[str, Any]], dict[Key, Key]]:
        live = {key: row for key, row in self.records.items() if row["status"] == "live"}
        newer = {(row["superseded_journal_number"], key[1]): key for key, row in live.items() if row["superseded_journal_number"]}
        tips = {}
        for key, row in live.items():
            if (row["superseded_journal_number"], key[1]) not in live:
                tip = key
                while tip in newer:
                    tip = newer[tip]
                tips[key] = tip
        return live, tips

    def _fresh(self, live: dict[Key, dict[str, Any]], tips: dict[Key, Key], end: datetime) -> set[Key]:
        met = {self.current(live[tip]["identity"]) for tip in tips.values() if tip in self.covered and not self._before(tip)}
        return {
            root
            for root, tip in tips.items()
            if moment(live[tip]["registered_at"]) < end
            and self.covered.get(tip) != live[tip]["revision"]
            and (tip in self.covered or not self._before(tip) or self.current(live[tip]["identity"]) in met)
        }

    def _before(self, key: Key) -> bool:
        return moment(self.records[key]["registered_at"]) < self.first

    def _past(self, key: Key) -> bool:
        """Registered before the programme began, and not corrected since a run covered it."""
        return self._before(key) and self.covered.get(key) in (None, self.records[key]["revision"])

    def _cover(self, live: dict[Key, dict[str, Any]], end: datetime) -> None:
        for key, row in live.items():
            known = row["identity_kind"] == "CPR" and self.current(row["identity"]) in self.people
            if known and moment(row["registered_at"]) < end:
                self.covered[key] = row["revision"]

    def _children(self, adult: str, end: datetime) -> list[str]:
        home = self._home(adult)
        adults = [p for p in self.residents.get(home, ()) if age(self.people[p], end) >= 18] if home else []
        shared = home and home not in self.care and len(adults) <= 8
        tied = set(self.parents.get(adult, ())) | set(self.residents.get(home, ()) if shared else ())
        return [child for child in tied if self.people[child]["status"] in ("01", "03") and age(self.people[child], end) < 18]

    def index(self) -> None:
        """Children by parent or custody holder, residents by unit."""
        self.parents: dict[str, list[str]] = defaultdict(list)
        self.residents: dict[tuple[str, ...] | None, list[str]] = defaultdict(list)
        for cpr, person in self.people.items():
            if person["current_cpr"]:
                continue
            for holder in [*person["parents"], *(c for c in person["custody"] if not c["to"])]:
                self.parents[self.current(holder["cpr"])].append(cpr)
            self.residents[self._home(cpr)].append(cpr)

    def _home(self, cpr: str) -> tuple[str, ...] | None:
        person = self.people[cpr]
        if person["status"] != "01" or not person["addresses"]:
            return None
        last = person["addresses"][-1]
        complete = last["road_code"] and last["house"] and (last["single_unit"] or (last["floor"] and last["door"]))
        return unit(last) if complete else None

    def _draft(self, child: str, parts: list[tuple[str, list[Key], set[str]]], tips: dict[Key, Key]) -> Notice | None:
        told = self._told(child)
        new = frozenset(tips[root] for _, roots, _ in parts for root in roots if root not in told)
        if not new:
            return None
        rules = frozenset(rule for _, _, rules in parts for rule in rules)
        adults = frozenset(adult for adult, _, _ in parts)
        return Notice(child, "supplement" if told else "first", "", None, adults, new, rules)

    def _told(self, child: str) -> dict[Key, Key]:
        for number in [known for known in self.told if known != child and self.current(known) == child]:
            self.told[child] |= self.told.pop(number)
        return self.told[child]

    def _notice(self, child: str, kind: str, evidence: frozenset[Key], rules: frozenset[str]) -> Notice:
        adults = frozenset(self.current(self.records[key]["identity"]) for key in evidence)
        return Notice(child, kind, "", None, adults, evidence, rules)


def unit(line: dict[str, Any]) -> tuple[str, ...]:
    """Household key."""
    return tuple(line[name] for name in ("municipality", "road_code", "house", "floor", "door"))


def age(person: dict[str, Any], at: datetime) -> int:
    """Full years; the birthday counts from its first minute."""
    born, day = date.fromisoformat(person["birth_date"]), at.astimezone(ZONE).date()
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def moment(text: str) -> datetime:
    """An aware moment; ValueError without offset."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError("no offset")
    return parsed


def parse(line: bytes, header: list[str] | None) -> dict[str, Any] | None:
    """A line as typed values; None when it cannot be read or has something extra."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return None
    if header is None:
        return dict(json.loads(text))
    cells: list[str] = next(csv.reader([text]))
    if len(cells) != len(header):
        return None
    row: dict[str, Any] = {name: cell or None for name, cell in zip(header, cells, strict=True)}
    row |= {name: int(row[name]) for name in ("party_number", "revision") if (row[name] or "").isdigit()}
    return row | {"child_present": {"true": True, "false": False}.get(row["child_present"] or "", row["child_present"])}


def good(row: dict[str, Any], district: str) -> bool:
    """Whether the row may go on (without saying why not)."""
    required = 14
    present = sum(row.get(name) is not None for name in row if name not in ("superseded_journal_number", "place"))
    if present != required or set(row) - EXPECTED or any(row[name] not in values for name, values in LISTED.items()):
        return False
    try:
        in_order = moment(row["occurred_at"]) <= moment(row["registered_at"])
    except ValueError:
        return False
    journals = [row["journal_number"], row["superseded_journal_number"] or "4200-00000-00000-00"]
    plain = all(len(journal) == 19 and journal.count("-") == 3 for journal in journals) and journals[0] != journals[1]
    whole = all(isinstance(row[name], int) and row[name] >= 1 for name in ("party_number", "revision"))
    shape = len(row["identity"]) == 10 and row["identity"][:2] <= "91" and row["district"] == district
    texts = len(row["place"] or "") <= 200 and " " not in row["code"] + row["code_scheme"]
    return in_order and plain and whole and shape and texts and isinstance(row["child_present"], bool)


EXPECTED = {
    "journal_number",
    "party_number",
    "revision",
    "status",
    "superseded_journal_number",
    "district",
    "registered_at",
    "occurred_at",
    "code",
    "code_scheme",
    "identity_kind",
    "identity",
    "role",
    "outcome",
    "place",
    "child_present",
}


def counts(row: dict[str, Any]) -> bool:
    """Who did it or is at the centre of it, and who was hurt at home, where a child lives with it; unless it came to nothing."""
    hurt_at_home = row["role"] == "victim" and (row["code"] in AT_HOME or (row["code"] in VIOLENT and row["child_present"]))
    concerned = row["role"] in ("charged", "suspected", "involved") or hurt_at_home
    return row["code"] in KNOWN and concerned and row["outcome"] not in ("dropped", "acquitted")


def fired(pieces: list[tuple[dict[str, Any], bool, bool]], end: datetime) -> set[str]:
    """The rules that fire: something is fresh, and not all is of the past."""
    found = set()
    for rule, (codes, least, dates, months) in RULES.items():
        inside = [
            (row, fresh, past)
            for row, fresh, past in pieces
            if row["code"] in codes and moment(row["registered_at"]) >= months_back(end, months)
        ]
        days = {moment(row["occurred_at"]).astimezone(ZONE).date() for row, _, _ in inside}
        enough = len(inside) >= least and len(days) >= dates
        if enough and any(fresh for _, fresh, _ in inside) and not all(past for _, _, past in inside):
            found.add(rule)
    return found


def expected(staging: Path, week: str) -> tuple[set[Notice], set[str]]:
    """The explicit notifications of a week by the truth file, and the children left out because inferred."""
    found, left_out = set(), set()
    for line in map(json.loads, (staging / "truth.jsonl").read_text("utf-8").splitlines()):
        if line["tag"] == "inferred":
            left_out.add(line["child_cpr"])
        elif line["week"] == week and line["kind"] != "none":
            found.add(
                Notice(
                    line["child_cpr"],
                    line["kind"],
                    line["outcome"],
                    line["municipality"],
                    frozenset(line["adults"]),
                    frozenset((journal, party) for journal, party in line["evidence"]),
                    frozenset(line["rules"]),
                )
            )
    return found, left_out


@pytest.mark.parametrize(
    ("world", "weeks"),
    [
        pytest.param(World(1, 2_000, ["751", "746", "101", "851", "400", "825"]), 7, id="seven weeks, six municipalities"),
        pytest.param(World(2, 3_000, ["751", "101"], missing=(2, "1462"), flood_week=3), 4, id="late district and flood"),
        pytest.param(World(3, 6_000, first_week="2026-W51", stories_per_week=2), 4, id="over new year"),
    ],
)
def test_truth_agrees_with_a_naive_model(world: World, weeks: int, tmp_path: Path) -> None:
    model = Model(world.calendar.end(0))
    for week in range(weeks + 1):
        end, items = world.calendar.end(week), world.deliverables(week, tmp_path)
        run_at = end + timedelta(hours=5)
        fates = [fate for item in items if item.moment < run_at for fate in model.take(item)]
        if week == 0:
            continue
        model.index()
        changed, drafts = model.changed(), model.run(end)
        for item in (item for item in items if item.moment > run_at):
            model.take(item)
        out = model.send(drafts, end + timedelta(days=1, hours=12))
        out += [model.send({"": notice}, end)[0] for notices in changed.values() for notice in notices]
        truth, left_out = expected(tmp_path, world.calendar.label(week))
        assert {notice for notice in out if notice.child not in left_out} == truth
        rows = [json.loads(line) for line in (tmp_path / "truth_rows.jsonl").read_text("utf-8").splitlines()]
        delivered = {item.data.name for item in items if item.data and item.moment < run_at}
        assert sorted(fates) == sorted((r["file"], r["line"], r["fate"]) for r in rows if r["file"] in delivered)
