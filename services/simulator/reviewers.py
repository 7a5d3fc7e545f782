"""The simulated people: reviewers who decide drafts, the approver of the catalogue, the clerk of the identity queue.

Each uses the door and the credential that the real person would use.
"""

from collections.abc import Callable
from http.client import CONFLICT
from typing import Any

import httpx

from events.municipalities import DISTRICTS
from services.simulator.doors import Doors

Decide = Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]
"""What a reviewer does with a draft: an action (`approve`, `reject`, `hold`) and what else it needs."""


def approve_everything(draft: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The demo's reviewer: reads the letter and approves exactly what was read."""
    return "approve", {"digest": draft["digest"]}


def review(doors: Doors, decide: Decide = approve_everything) -> int:
    """Let the reviewers of all districts decide every draft that waits; how many were decided."""
    return sum(_review_district(doors, f"reviewer-{district}", decide) for district in DISTRICTS)


def _review_district(doors: Doors, reviewer: str, decide: Decide) -> int:
    waiting = doors.get(reviewer, "notification", "/drafts", state="waiting")
    return sum(_decide(doors, reviewer, row["draft_id"], decide) for row in waiting)


def _decide(doors: Doors, reviewer: str, draft_id: str, decide: Decide) -> bool:
    """Decide one draft as it was read; whether that counted. One that changed meanwhile is read again another time."""
    draft = doors.get(reviewer, "notification", f"/drafts/{draft_id}")
    action, more = decide(draft)
    try:
        doors.post(reviewer, "notification", f"/drafts/{draft_id}/{action}", {"version": draft["version"], **more})
    except httpx.HTTPStatusError as refusal:
        if refusal.response.status_code != CONFLICT:
            raise
        return False
    return True


def approve_catalogue(doors: Doors) -> str:
    """Approve the newest catalogue over its digest, unless that was done; its id."""
    newest = doors.get("approver", "screening", "/catalogues")[-1]
    if not newest.get("approved_by"):
        doors.post("approver", "screening", f"/catalogues/{newest['id']}/approve", {"digest": newest["digest"]})
    return str(newest["id"])


def close_unidentifiable(doors: Doors, reason: str = "no_register_match") -> int:
    """Close whoever waits; how many were closed. A register line that comes later identifies them all the same."""
    waiting = doors.get("clerk", "identity", "/waiting")
    for row in waiting:
        doors.post("clerk", "identity", f"/waiting/{row['pseudonym']}/close", {"reason": reason})
    return len(waiting)
