"""delivery: sends approved letters to the municipality where the child lives at that moment, and watches the receipts.

Topics read: `notification.decision.v1`, `deduplication.case.v1` (the newest draft stops an older letter), every
`municipality.<code>.receipt.v1`. Topics written: `delivery.state.v1`, every `municipality.<code>.notification.v1`,
`audit.delivery.v1`.

Tables owned: `delivery` (state and history of each approved version), `newest_draft` (per case), `receipt` (inbox of receipt
ids), `message` and `feed` (what each municipality can fetch), `acting` (routing), `brake` (stop-sending, and the hold after a
restore), `left_letter` (what left after the moment of a restored backup). Letters are never stored in the clear: only as JWE.
What leaves is also written into a file outside the database, the dispatch journal.
"""
