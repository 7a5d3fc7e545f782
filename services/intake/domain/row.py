"""One row of an extract: from sixteen raw values to a `Row`, or the first fault in the documented order.

The order is that of docs/extracts.md, section 6: missing fields first, then each field's form and list in the order of the
table, then what fields say together. CSV and JSON Lines differ only in how a number and a truth value are written.

Good rows take one short pass; only when it fails is the fault looked for, with the same forms, in order.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec

from events.municipalities import DISTRICTS
from events.record import Outcome, Role, Status
from services.intake.domain.moments import moment
from services.intake.domain.numbers import has_form
from services.intake.domain.reasons import Fault
from services.intake.domain.values import (
    MISFITS,
    Form,
    listed,
    matching,
    optional,
    place,
    text,
    truth,
    whole,
    written_truth,
    written_whole,
)

Kind = Literal["CPR", "ENR", "UNR"]
MediaType = Literal["text/csv", "application/x-ndjson"]


class Row(msgspec.Struct, frozen=True, gc=False):
    """One valid row. It holds clear personal data and lives in memory only."""

    journal_number: str
    party_number: int
    revision: int
    status: Status
    superseded_journal_number: str | None
    district: str
    registered_at: datetime
    occurred_at: datetime
    code: str
    code_scheme: str
    identity_kind: Kind
    identity: str
    role: Role
    outcome: Outcome
    place: str | None
    child_present: bool


FIELDS: tuple[str, ...] = Row.__struct_fields__
"""The header, in its order."""
OPTIONAL = frozenset({"superseded_journal_number", "place"})
LISTED = frozenset({"status", "district", "identity_kind", "role", "outcome"})
_JOURNAL_NUMBER = matching(r"[0-9]{4}-[0-9]{5}-[0-9]{5}-[0-9]{2}")
_FORMS: dict[str, Form] = {
    "journal_number": _JOURNAL_NUMBER,
    "party_number": whole,
    "revision": whole,
    "status": listed(get_args(Status)),
    "superseded_journal_number": optional(_JOURNAL_NUMBER),
    "registered_at": moment,
    "occurred_at": moment,
    "code": matching("[A-Z0-9-]{1,16}"),
    "code_scheme": matching("[A-Z0-9]{1,16}"),
    "identity_kind": listed(get_args(Kind)),
    "identity": text,
    "role": listed(get_args(Role)),
    "outcome": listed(get_args(Outcome)),
    "place": optional(place),
    "child_present": truth,
}
_WRITTEN: dict[str, Form] = {"party_number": written_whole, "revision": written_whole, "child_present": written_truth}


class RowParser:
    """Turns the raw values of one extract's rows into `Row`s.

    `district` is the manifest's; `synthetic` says whether synthetic CPR numbers (day + 60) are allowed here.
    """

    def __init__(self, media_type: MediaType, district: str, *, synthetic: bool) -> None:
        self._synthetic = synthetic
        forms = {**_FORMS, "district": listed([district]), **(_WRITTEN if media_type == "text/csv" else {})}
        self._forms = [forms[name] for name in FIELDS]

    def parse(self, values: Sequence[object]) -> Row:
        """The row of these sixteen values in the order of the table; None or "" is absent. Raises Fault."""
        try:
            typed: list[Any] = [form(value) for form, value in zip(self._forms, values, strict=True)]
            row = Row(*typed)
        except MISFITS:
            raise self._fault(values) from None
        if not has_form(row.identity_kind, row.identity, synthetic=self._synthetic):
            raise Fault("bad_value", "identity")
        _agree(row)
        return row

    def _fault(self, values: Sequence[object]) -> Fault:
        """The first fault, in the documented order, of values that do not make a row."""
        given: dict[str, Any] = dict(zip(FIELDS, values, strict=True))
        for name, value in given.items():
            if name not in OPTIONAL and value in (None, ""):
                return Fault("missing_field", name)
        for form, (name, value) in zip(self._forms, given.items(), strict=True):
            if not _fits(form, value):
                return _misfit(name, value)
            if name == "identity" and not has_form(given["identity_kind"], value, synthetic=self._synthetic):
                return Fault("bad_value", name)
        raise AssertionError("these values make a row")


def _fits(form: Form, value: object) -> bool:
    try:
        form(value)
    except MISFITS:
        return False
    return True


def _misfit(name: str, value: object) -> Fault:
    if name not in LISTED or not isinstance(value, str):
        return Fault("bad_value", name)
    if name == "district" and value in DISTRICTS:
        return Fault("wrong_district", name)
    return Fault("unknown_value", name)


def _agree(row: Row) -> None:
    """What fields say together. Raises Fault."""
    if row.superseded_journal_number == row.journal_number:
        raise Fault("bad_value", "superseded_journal_number")
    if row.occurred_at > row.registered_at:
        raise Fault("bad_value", "occurred_at")
