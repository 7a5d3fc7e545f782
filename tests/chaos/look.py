"""Looks at the end state: history, ledger, audit log, dead letters, and what was told, beside the truth and a quiet run."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from deploy.system import System
from events.topics import DOMAIN_SERVICES
from services import ledger
from services.simulator.drive import Late
from tests.chaos.planted import DeadLetter, dead_letters
from tests.chaos.scene import Scene
from tests.conftest import MUNICIPALITIES
from tests.history import unseen, violations
from tests.system.town import Told, Town, difference
from tests.witness import EFFECTS, Witness

QUIET_SECONDS = 180.0
"""For everything on its way to arrive once the strikes are over: pauses of retries grow up to a minute."""
KINDS = ("lost", "doubled", "out of order", "unaudited", "causeless", "unseen", "dead letters", "ledger", "audit", "truth")
Found = dict[str, list[str]]


class Looker:
    """Looks at one attacked system between its weeks."""

    def __init__(self, town: Town, scene: Scene) -> None:
        self.town = town
        self.scene = scene
        self.witness = Witness(town.rows, lambda: town.case_systems.inbox)
        self.told: list[Told] = []

    def look(self, weeks: Iterable[str]) -> Found:
        """Everything that is wrong, by kind, when at least these weeks were run."""
        found: Found = defaultdict(list, {kind: [] for kind in KINDS})
        try:
            self.town.drive.wait("everything has arrived", self.town.quiet, seconds=QUIET_SECONDS)
        except Late as late:
            found["lost"].append(str(late))
        with suppress(Late):  # what is missing then is named below
            self.town.drive.wait("planted messages are set aside", self._planted_are_set_aside, seconds=QUIET_SECONDS)
        history = self.witness.history()
        for violation in [*unseen(history, EFFECTS), *violations(history)]:
            found[violation.kind].append(violation.what)
        found["dead letters"] += self._dead_letters()
        account = {each.week: each.unbalanced for each in accounts(self.town)}
        found["ledger"] += [f"{week}: {wrong}" for week, unbalanced in account.items() for wrong in unbalanced]
        found["ledger"] += [f"{week} was run and has no account" for week in weeks if week not in account]
        verdict = self.town.drive.doors.get("auditor", "audit", "/verify")
        if not verdict["ok"]:
            found["audit"].append(f"the log does not verify: {verdict['reason']} at {verdict['first_bad']}")
        found["truth"] += self._truth([*account])
        return found

    def _truth(self, weeks: list[str]) -> list[str]:
        self.told = self.town.told()
        pieces, letters = Counter(self.town.expected_pieces(weeks)), Counter(self.town.told_pieces())
        wrong = [f"a letter that tells of the wrong records: {each}" for each in (letters - pieces) | (pieces - letters)]
        return [*self.town.untruths(weeks), *wrong]

    def _dead_letters(self) -> list[str]:
        """What was planted is there once for each reader; everything else was redriven."""
        planted, found = self.scene.planted, self._set_aside()
        there = Counter(each.which for each in found if planted.knows(each.which))
        return [
            *(
                f"{each.which.reader}: {each.which.topic} was set aside and nobody planted it ({each.reason})"
                for each in found
                if each.waits and not planted.knows(each.which)
            ),
            *(f"{reader}: {topic} a planted message was not set aside" for reader, topic, _ in planted.expected - there.keys()),
            *(f"{reader}: {topic} planted once, set aside twice" for (reader, topic, _), times in there.items() if times > 1),
        ]

    def _set_aside(self) -> list[DeadLetter]:
        return [each for service in DOMAIN_SERVICES for each in dead_letters(self.town.rows, service)]

    def _planted_are_set_aside(self) -> bool:
        """What was planted has no place in any outbox, so "everything has arrived" does not speak of it."""
        return not self.scene.planted.expected - {each.which for each in self._set_aside()}


def accounts(town: Town) -> list[ledger.WeekLedger]:
    """The account of every week."""
    return ledger.weeks(ledger.read(town.settings))


def undisturbed(attacked: System, folder: Path, weeks: int, looker: Looker) -> list[str]:
    """Run the same weeks of the same world in peace, on the same engines; what the attacked system told otherwise."""
    system = System(folder / "quiet", "quiet", MUNICIPALITIES, attacked.engines)
    town = Town.around(system, folder / "quiet-town")
    town.folder.mkdir()
    system.prepare()
    system.start_services()
    try:
        town.join()
        town.drive.history()
        for number in range(1, weeks + 1):
            town.drive.week(number)
        told = town.told()
        town.leave()
    finally:
        system.stop_services()
    return difference(told, looker.told)
