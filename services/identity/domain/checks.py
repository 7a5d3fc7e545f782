"""Checking an object field by field, in the order of its declaration: the first fault, never the value.

The order and the reasons are those of docs/extracts.md, section 6. The decoder's messages quote values, so that only the
path is taken out of them.
"""

import re
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

_PATH = re.compile(r"at `\$\.?([\w.\[\]]*)`")
_LISTED = "Invalid enum value"
_EXTRA = "Object contains unknown field"

Form = Callable[[Any], str | None]
"""Looks at the decoded value of one field; the path of what is not of the right form within it ("" = itself), None when good."""


class Fault(NamedTuple):
    """What is wrong with an object and in which field (None: in none of those that are known)."""

    reason: str
    field: str | None = None


class Checker:
    """Checks decoded JSON against a struct type, and texts against their forms."""

    def __init__(self, struct: type[msgspec.Struct], forms: Mapping[str, Form]) -> None:
        self._fields = msgspec.structs.fields(struct)
        self._names = {field.encode_name for field in self._fields}
        self._forms = forms
        self._texts = attrgetter(*forms)

    def fault(self, item: Any) -> Fault | None:
        """The first fault of decoded JSON; None when each field for itself is good."""
        if not isinstance(item, dict):
            return Fault("unreadable")
        if item.keys() - self._names:
            return Fault("extra_field")
        return self._missing(item) or self._bad(item)

    def well_formed(self, struct: msgspec.Struct) -> bool:
        """Whether all texts of a decoded struct are of their forms."""
        return all(form(value) is None for form, value in zip(self._forms.values(), self._texts(struct), strict=True))

    def _missing(self, item: dict[str, Any]) -> Fault | None:
        needed = (field.encode_name for field in self._fields if field.required)
        return next((Fault("missing_field", name) for name in needed if item.get(name) in (None, "")), None)

    def _bad(self, item: dict[str, Any]) -> Fault | None:
        for field in self._fields:
            name = field.encode_name
            if name not in item:
                continue
            try:
                value = msgspec.convert(item[name], field.type)
            except msgspec.ValidationError as error:
                return _type_fault(name, str(error))
            path = self._forms[name](value) if name in self._forms else None
            if path is not None:
                return _fault(name, path)
        return None


def _type_fault(name: str, message: str) -> Fault:
    if message.startswith(_EXTRA):
        return Fault("extra_field")
    found = _PATH.search(message)
    return _fault(name, found.group(1) if found else "", "unknown_value" if message.startswith(_LISTED) else "bad_value")


def _fault(name: str, inner: str, reason: str = "bad_value") -> Fault:
    return Fault(reason, name + (inner if inner.startswith("[") or not inner else f".{inner}"))
