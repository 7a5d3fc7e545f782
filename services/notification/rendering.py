"""From a letter's data to its page and its frozen text: strict, escaped, and the same bytes for the same letter."""

import hashlib
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from events.letter import Letter
from services.notification.domain import words


def environment() -> Environment:
    """Templates of this service. A name is text and never markup; a field that is missing is an error, never a blank."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["date"] = words.danish_date
    templates.filters["week"] = words.danish_week
    return templates


_TEMPLATES = environment()


def bundle(letter: Letter) -> str:
    """The JSON text of the letter with its page in it: what is approved, digested and sent."""
    html = _TEMPLATES.get_template("letter.html").render(letter=letter)
    return msgspec.json.encode(msgspec.structs.replace(letter, html=html)).decode()


def digest(content: str) -> str:
    """SHA-256 (hex) of the exact text."""
    return hashlib.sha256(content.encode()).hexdigest()
