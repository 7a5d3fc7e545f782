"""Strikes by people and by time: two operators at once, a receipt that comes again late, a clock that jumps, files twice."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import httpx

from tests.chaos.scene import Scene
from tests.chaos.strikes import Simple, Strike

LONGEST_JUMP_SECONDS = 6 * 3600
WRONG_SECONDS = (0.5, 8.0)
"""How long the clock stays wrong."""


def clock_jumps(scene: Scene, chance: Random) -> bool:
    """The clock of all services jumps, forward or back, and later back again."""
    by, seconds = timedelta(seconds=chance.randint(-LONGEST_JUMP_SECONDS, LONGEST_JUMP_SECONDS)), chance.uniform(*WRONG_SECONDS)
    if not scene.clock.jump(by):
        return False
    scene.later(seconds, scene.clock.right)
    return True


def two_operators(scene: Scene, chance: Random) -> bool:
    """Two operators start the week that is due now, at once and at different copies' doors."""
    label = scene.label
    copies = [copy for copy in scene.fleet.running() if copy.service == "screening"]
    if not label or len(copies) < 2:
        return False
    urls = [scene.fleet.url(copy) for copy in copies[:2]]
    with ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(lambda url: _start(scene, url, label), urls))
    return all(status in ("finished", "braked") for status in statuses)


def _start(scene: Scene, url: str, label: str) -> str | None:
    headers = {"authorization": f"Bearer {scene.system.token('operator')}"}
    try:
        answer = httpx.post(f"{url}/runs", json={"week": label}, headers=headers, timeout=20, trust_env=False)
    except httpx.TransportError:
        return None
    return str(answer.json()["status"]) if answer.is_success else None


def late_receipt(scene: Scene, chance: Random) -> bool:
    """A municipality says once more, under a new id, that it has received what it has long taken over."""
    inbox = list(scene.town.case_systems.inbox.values())
    if not inbox:
        return False
    notification, _ = chance.choice(inbox)
    receipt = {
        "receipt_id": str(uuid4()),
        "message_id": str(notification.message_id),
        "municipality": notification.municipality,
        "status": "received",
        "reason": None,
        "at": datetime.now(UTC).isoformat(),
    }
    try:
        scene.doors.post(f"municipality-{notification.municipality}", "delivery", "/v1/receipts", receipt)
    except httpx.HTTPStatusError as error:
        if error.response.status_code < 500:
            scene.violation(f"a late receipt was refused with {error.response.status_code}")
        return False
    return True


def extract_again(scene: Scene, chance: Random) -> bool:
    """A district delivers an extract a second time."""
    inbox = scene.town.settings.inbox / "police"
    manifests = sorted(inbox.glob("*.manifest.json"))
    if not manifests:
        return False
    manifest: Path = chance.choice(manifests)
    spare = manifest.with_name(f".{manifest.name}")
    shutil.copyfile(manifest, spare)
    spare.rename(manifest)
    return True


STRIKES: list[Strike] = [
    Simple("clock jumps", 2, clock_jumps),
    Simple("two operators", 1, two_operators),
    Simple("late receipt", 1.5, late_receipt),
    Simple("extract again", 1.5, extract_again),
]
