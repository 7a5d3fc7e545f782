"""What a story is written with: people, homes, records, register changes and, here, what is expected of them."""

from services.simulator.cast_records import Casebook
from services.simulator.people import Person
from services.simulator.rows import Row
from services.simulator.truth import Effect, Kind, Outcome, Reason, Tag


class Cast(Casebook):
    """One instance of one story, with its expected effects."""

    def sent(
        self,
        child: Person,
        adults: list[Person],
        rows: list[Row],
        rules: list[str],
        *,
        week: int | None = None,
        kind: Kind = "first",
        municipality: str | None = None,
        tag: Tag = "explicit",
        without_inference: Outcome | None = None,
    ) -> None:
        """Expect a letter to the municipality where the child lives (or to the one given)."""
        recipient = municipality or child.addresses[-1].municipality
        self._expect(week, child, kind, "sent", None, recipient, adults, rows, rules, tag, without_inference)

    def suppressed(self, child: Person, adults: list[Person], rows: list[Row], rules: list[str], reason: Reason) -> None:
        """Expect a draft that is stopped at sending."""
        self._expect(None, child, "first", "suppressed", reason, None, adults, rows, rules)

    def nothing(
        self,
        child: Person | None,
        adults: list[Person] | list[str],
        reason: Reason,
        *,
        week: int | None = None,
        rows: list[Row] | None = None,
        tag: Tag = "explicit",
        without_inference: Outcome | None = None,
    ) -> None:
        """Expect no notification, and why."""
        self._expect(week, child, "none", "none", reason, None, adults, rows or [], [], tag, without_inference)

    def _expect(
        self,
        week: int | None,
        child: Person | None,
        kind: Kind,
        outcome: Outcome,
        reason: Reason | None,
        municipality: str | None,
        adults: list[Person] | list[str],
        rows: list[Row],
        rules: list[str],
        tag: Tag = "explicit",
        without_inference: Outcome | None = None,
    ) -> None:
        label = self.stage.calendar.label(self.week if week is None else week)
        who = sorted(adult if isinstance(adult, str) else adult.cpr for adult in adults)
        tips = sorted((row.journal_number, row.party_number) for row in rows)
        self.stage.act.effects.append(
            Effect(
                self.story,
                tag,
                label,
                child.cpr if child else None,
                kind,
                outcome,
                reason,
                municipality,
                who,
                tips,
                sorted(rules),
                without_inference,
            )
        )
