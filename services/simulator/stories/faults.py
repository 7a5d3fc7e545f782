"""Bad rows of every kind, each beside good rows, in a CSV district and in a JSON Lines district. See
docs/extracts.md, 6.
"""

from datetime import datetime, timedelta

from msgspec.structs import replace

from services.simulator.cast import Cast
from services.simulator.extract_writer import is_csv
from services.simulator.rows import Fault, Row
from services.simulator.stories.registry import story

MALFORMED: tuple[tuple[str, str | int], ...] = (
    ("journal_number", "4200-811-1-26"),
    ("party_number", 0),
    ("party_number", "first"),
    ("revision", 0),
    ("superseded_journal_number", "4200"),
    ("registered_at", "2026-13-45T08:00:00+02:00"),
    ("registered_at", "yesterday"),
    ("occurred_at", "2026-09-15T12:00:00"),
    ("code", "simpel vold"),
    ("code_scheme", "ger 4"),
    ("identity", "12345"),
    ("identity", "9913901234"),
    ("identity", "6113701234567"),
    ("place", "x" * 201),
    ("child_present", "maybe"),
)
UNKNOWN: tuple[tuple[str, str], ...] = (
    ("status", "deleted"),
    ("district", "1499"),
    ("identity_kind", "PAS"),
    ("role", "boss"),
    ("outcome", "unsure"),
)
ABSENT = (
    "journal_number",
    "party_number",
    "revision",
    "status",
    "district",
    "registered_at",
    "occurred_at",
    "code",
    "code_scheme",
    "identity_kind",
    "identity",
    "role",
    "outcome",
    "child_present",
)


def faults(row: Row, other_district: str) -> list[Fault]:
    """Every kind of bad row that can be made of a good one."""
    later = (datetime.fromisoformat(row.registered_at) + timedelta(minutes=1)).isoformat()
    return [
        *(Fault("set", "bad_value", field, value) for field, value in MALFORMED),
        *(Fault("set", "unknown_value", field, value) for field, value in UNKNOWN),
        *(Fault("absent", "missing_field", field) for field in ABSENT),
        Fault("set", "bad_value", "occurred_at", later),
        Fault("set", "bad_value", "superseded_journal_number", row.journal_number),
        Fault("set", "wrong_district", "district", other_district),
        Fault("extra", "extra_field"),
        Fault("unreadable", "unreadable"),
    ]


@story()
def bad_rows(cast: Cast) -> None:
    """One bad row let through would meet the rule; the good family of the same extracts is told of."""
    father, _, child = cast.couple()
    blamed, _, spared = cast.couple()
    districts = cast.stage.districts
    good = []
    for day, form in enumerate((True, False)):
        district = cast.rng.choice([code for code in districts if is_csv(code) is form])
        good.append(cast.piece(father, district=district, day=day))
        _spoil(cast, replace(good[-1], identity=blamed.cpr))
    cast.sent(child, [father], good, ["R1"])
    cast.baseline(blamed)
    cast.nothing(spared, [blamed], "quarantined")


def _spoil(cast: Cast, good: Row) -> None:
    other = cast.rng.choice([code for code in cast.stage.districts if code != good.district])
    for number in range(len(faults(good, other))):
        row = replace(
            good,
            journal_number=cast.stage.journal_number(good.district, cast.stage.calendar.monday(cast.week).year),
        )
        fault = faults(row, other)[number]
        cast.deliver(row, cast.week, "quarantined", fault.reason, fault.field, fault)
