"""delivery: sends approved letters to the municipality where the child lives at that moment, and watches the receipts.

Topics read: `notification.decision.v1`, `deduplication.case.v1` (the newest draft stops an older letter), every
`municipality.<code>.receipt.v1`. Topics written: `delivery.state.v1`, every `municipality.<code>.notification.v1`,
`audit.delivery.v1`.

Tables owned: `delivery` (state and history of each approved version), `newest_draft` (per case), `receipt` (inbox of receipt
ids), `message` and `feed` (what each municipality can fetch), `acting` (routing), `brake` (stop-sending). Letters are never
stored in the clear: only as JWE.
"""
