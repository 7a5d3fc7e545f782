"""Who may enter which door, written down once more: a door that opens to anybody else is seen as a difference."""

READERS = ("operator", "auditor")
EVERYWHERE = {
    "GET /dead-letters": ("operator",),
    "GET /doctor": ("operator",),
    "POST /dead-letters/{number:int}/redrive": ("operator",),
    "POST /outbox/again": ("operator",),
}
DOORS: dict[str, dict[str, tuple[str, ...]]] = {
    "intake": {
        "GET /extracts": READERS,
        "GET /quarantine": READERS,
    },
    "identity": {
        "GET /register-files": READERS,
        "GET /register-quarantine": READERS,
        "GET /linked": ("clerk",),
        "GET /waiting": ("clerk",),
        "POST /residence": ("delivery",),
        "POST /resolve": ("intake",),
        "POST /ties": ("screening",),
        "POST /unmask": ("notification",),
        "POST /linked/{pseudonym:uuid}/undo": ("clerk",),
        "POST /waiting/{pseudonym:uuid}/close": ("clerk",),
        "POST /waiting/{pseudonym:uuid}/link": ("clerk",),
    },
    "screening": {
        "GET /alarms": READERS,
        "GET /catalogues": ("approver", "operator", "auditor"),
        "GET /runs": ("operator", "auditor", "reviewer"),
        "POST /catalogues/{name:str}/approve": ("approver",),
        "POST /runs": ("operator",),
        "POST /runs/{week:str}/release": ("operator",),
    },
    "deduplication": {},
    "notification": {
        "GET /drafts": ("reviewer",),
        "GET /drafts/summary": READERS,
        "GET /drafts/{draft_id:uuid}": ("reviewer",),
        "GET /letters/{draft_id:uuid}/{version:int}": ("delivery",),
        "POST /drafts/{draft_id:uuid}/approve": ("reviewer",),
        "POST /drafts/{draft_id:uuid}/hold": ("reviewer",),
        "POST /drafts/{draft_id:uuid}/leave-out": ("reviewer",),
        "POST /drafts/{draft_id:uuid}/reject": ("reviewer",),
    },
    "delivery": {
        "GET /deliveries": READERS,
        "GET /restore/letters": READERS,
        "GET /v1/notifications": ("municipality",),
        "GET /acting-municipality": READERS,
        "POST /acting-municipality": ("operator",),
        "POST /acting-municipality/{child:uuid}/lift": ("operator",),
        "POST /restore/letters/{message_id:uuid}": ("operator",),
        "POST /restore/reconcile": ("operator",),
        "POST /resume-sending": ("operator",),
        "POST /stop-sending": ("operator",),
        "POST /v1/receipts": ("municipality",),
    },
    "audit": {
        "GET /entries": ("auditor",),
        "GET /sources": ("auditor",),
        "GET /verify": ("auditor",),
    },
}
_PLACES = {
    "{number:int}": "1",
    "{version:int}": "1",
    "{week:str}": "2026-W38",
    "{name:str}": "2026-1",
    **dict.fromkeys(
        ("{pseudonym:uuid}", "{child:uuid}", "{draft_id:uuid}", "{message_id:uuid}"), "00000000-0000-4000-8000-000000000000"
    ),
}


def knocking(path: str) -> str:
    """A path with something in the place of each parameter, so that it is this door that answers."""
    for place, value in _PLACES.items():
        path = path.replace(place, value)
    assert "{" not in path, path
    return path
