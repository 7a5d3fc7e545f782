"""Why an extract is refused whole or a row is set aside, and what to do about it (docs/extracts.md, sections 5 and 6).

Both errors carry a reason code and the name of a field of the format, never a value and never a name that came from outside.
"""

REFUSALS: dict[str, str] = {
    "manifest_unreadable": "Write the manifest as one JSON object in UTF-8 and deliver it again under the same name.",
    "manifest_field": "Mend the named field of the manifest (none is named when it is unknown) and deliver it again.",
    "unknown_format": "Deliver in the format socialsog-extract/1.",
    "unknown_district": "Name one of the twelve police districts, 1460 to 1471.",
    "name_mismatch": "Name the files <district>-<sequence>.manifest.json and .csv or .jsonl, in the inbox folder itself.",
    "sequence_gap": "Deliver the missing earlier extract; this one is then tried again by itself.",
    "sequence_reused": "Give new content the next sequence number, or put the accepted file back.",
    "covers_until_earlier": "Correct covers_until: it may not be earlier than in the extract before.",
    "covers_until_future": "Correct covers_until (is it the right year?): nothing of the future can have been delivered.",
    "data_missing": "Deliver the data file that the manifest names.",
    "wrong_digest": "Deliver data file and manifest again: the bytes do not have the manifest's SHA-256.",
    "wrong_rows": "Correct rows in the manifest, or deliver the whole data file.",
    "wrong_header": "Write the documented CSV header as the first line, in the documented order, without byte order mark.",
}
"""Reason of refusing an extract whole -> what to do about it."""

FAULTS: dict[str, str] = {
    "unreadable": "Write the row in UTF-8, as CSV or one JSON object, on one line of at most 16 KiB, in the next extract.",
    "extra_field": "Leave out what is not in the format; deliver the row in the next extract.",
    "missing_field": "Fill in the field; deliver the row in the next extract.",
    "bad_value": "Write the field in the documented form; deliver the row in the next extract.",
    "unknown_value": "Use one of the documented values; deliver the row in the next extract.",
    "wrong_district": "Deliver the row in the extract of its own district.",
    "conflict": "The same revision came before with other content, which stays. Deliver what is right with a higher revision.",
}
"""Reason of setting a row aside -> what to do about it."""


class Refusal(Exception):
    """An extract is refused whole, with a reason of `REFUSALS` and, where it helps, the manifest's field."""

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


class Fault(Exception):
    """A row is set aside, with a reason of `FAULTS` and, where it helps, the row's field."""

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
