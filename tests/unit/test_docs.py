"""What the README and the docs tell people to type exists: commands, options, make targets, linked files."""

import re
from pathlib import Path

import click
import pytest

from services.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_on_the_page_exists_with_its_options(page: Path) -> None:
    for line in re.findall(r"`(?:\.venv/bin/)?socialsog ([^`]*)`", page.read_text(encoding="utf-8")):
        command: click.Command = main
        for word in line.replace("`", "").split():
            if isinstance(command, click.Group) and word in command.commands:
                command = command.commands[word]
            elif word.startswith("--"):
                known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
                assert word in known, f"{page.name}: `socialsog {line}` has an unknown option {word}"
            elif isinstance(command, click.Group) and re.fullmatch(r"[a-z][a-z-]+(\|[a-z-]+)*", word):
                names = word.split("|")
                assert set(names) <= set(command.commands), f"{page.name}: `socialsog {line}` has no command {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_on_the_page_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    mentioned = set(
        re.findall(r"`(?:[A-Z]+=\S+ )?make ([a-z-]+)`|^\$ make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert {name for pair in mentioned for name in pair if name} <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), f"{page.name} links to {target}"
