"""Notification: composes the letter, lets a named person decide, and freezes what was approved.

Reads `deduplication.case.v1` (which draft is asked for). Writes `notification.decision.v1` and `audit.notification.v1`.
Owns the tables `draft` (one row per draft with the text that waits), `letter` (approved letters, frozen) and `review` (who did
what with which reason; typed comments stay there). Calls identity's `/unmask` for each letter. Doors: `/drafts…` for the
reviewers of a district, `/letters…` for delivery, `/drafts/summary` for operators and auditors.
"""
