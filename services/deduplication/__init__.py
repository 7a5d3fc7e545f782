"""Deduplication: one case per child – what its municipality was told, what is new, and which letter is asked for now.

Reads `screening.candidate.v1`, `screening.evidence.v1`, `screening.run.v1`, `notification.decision.v1`, `delivery.state.v1` and
`identity.alias.v1`. Writes `deduplication.case.v1` and `audit.deduplication.v1`. Owns the tables `cases` (one document per case),
`evidence` (newest version of every piece that a case knows), `case_evidence` (which case knows which, and its told-state),
`candidate` (what became of each), `draft` (letters asked for), `person` (aliases) and `run`. It calls nobody.
"""
