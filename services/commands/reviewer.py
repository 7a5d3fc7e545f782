"""Commands of the person who reviews drafts. The credential decides the district and is written with each decision."""

import html as entities
import re
from typing import Any

import click

from services.commands.common import acting_as, as_json, call, show

as_reviewer = acting_as(None, "Whose credential, such as reviewer-1461.")
HOLD = click.Choice(["needs_clarification", "identity_doubt", "consult_colleague", "other"])
LEAVE_OUT = click.Choice(["irrelevant", "wrong_person", "incorrect", "third_party", "already_known"])
REJECT = click.Choice(["insufficient", "irrelevant", "wrong_person", "already_known"])


@click.group()
def review() -> None:
    """Look at drafts and decide. Nothing is sent without a named person."""


@review.command("list")
@as_reviewer
@click.option("--state", default=None, type=click.Choice(["waiting", "held", "approved", "rejected", "withdrawn"]))
@as_json
def list_drafts(principal: str, state: str | None, as_json: bool) -> None:
    """Drafts of your district."""
    rows = call("notification", principal, "GET", "/drafts", state=state)
    show(rows, ["draft_id", "version", "week", "kind", "state", "municipality", "digest"], as_json)


@review.command("show")
@as_reviewer
@click.argument("draft")
@click.option("--html", "as_html", is_flag=True, help="The letter as HTML, as it would be sent.")
@as_json
def show_draft(principal: str, draft: str, as_html: bool, as_json: bool) -> None:
    """One draft: the letter, its version and its digest. Looking is logged."""
    found = call("notification", principal, "GET", f"/drafts/{draft}")
    if as_json:
        show([found], [], True)
        return
    click.echo(found["html"] if as_html else plain(found["html"]))
    click.echo(f"\nversion {found['version']}  digest {found['digest']}")


def plain(letter: str) -> str:
    """A letter as plain lines, for a terminal."""
    body = re.sub(r"(?s)<(style|head)\b.*?</\1>", "", letter)
    lines = re.sub(r"(?i)</(p|h\d|tr|li|caption|dt|dd|section|header)>|<br\s*/?>", "\n", body)
    text = re.sub(r"<[^>]+>", " ", lines)
    kept = [re.sub(r"[ \t]+", " ", line).strip() for line in entities.unescape(text).splitlines()]
    return "\n".join(line for line in kept if line)


def _decide(principal: str, draft: str, action: str, body: dict[str, Any]) -> None:
    answer = call("notification", principal, "POST", f"/drafts/{draft}/{action}", body)
    click.echo(f"{draft} {answer['state'] if isinstance(answer, dict) and 'state' in answer else action}")


@review.command()
@as_reviewer
@click.argument("draft")
@click.option("--version", type=int, required=True, help="The version that you saw.")
@click.option("--digest", required=True, help="The digest that you saw; an older letter cannot be approved.")
def approve(principal: str, draft: str, version: int, digest: str) -> None:
    """Approve exactly the letter that you saw. It is frozen and sent."""
    _decide(principal, draft, "approve", {"version": version, "digest": digest})


@review.command()
@as_reviewer
@click.argument("draft")
@click.option("--version", type=int, required=True)
@click.option("--reason", type=REJECT, required=True)
@click.option("--comment", default=None, help="Stays with the reviewers; never leaves the service.")
def reject(principal: str, draft: str, version: int, reason: str, comment: str | None) -> None:
    """Decide that nothing is sent, with a reason code."""
    _decide(principal, draft, "reject", {"version": version, "reason": reason, "comment": comment})


@review.command()
@as_reviewer
@click.argument("draft")
@click.option("--version", type=int, required=True)
@click.option("--reason", type=HOLD, default="needs_clarification", show_default=True)
def hold(principal: str, draft: str, version: int, reason: str) -> None:
    """Put a draft aside while something is found out; it stays visible as held."""
    _decide(principal, draft, "hold", {"version": version, "reason": reason})


@review.command("leave-out")
@as_reviewer
@click.argument("draft")
@click.argument("evidence")
@click.option("--version", type=int, required=True)
@click.option("--reason", type=LEAVE_OUT, required=True)
def leave_out(principal: str, draft: str, evidence: str, version: int, reason: str) -> None:
    """Take one piece of evidence out of the letter, with a reason code. The letter is composed anew."""
    _decide(principal, draft, "leave-out", {"version": version, "evidence_id": evidence, "reason": reason})


COMMANDS: list[click.Command] = [review]
