"""Screening: keeps police records by pseudonym, builds evidence of them, and runs the rules once a week over all districts.

Reads `intake.record.v1`, `intake.extract.v1`, `identity.alias.v1` and identity's door `/ties`. Writes
`screening.candidate.v1`, `screening.evidence.v1`, `screening.run.v1` and `audit.screening.v1`. Owns the tables record, alias,
extract, evidence, fate, run, run_adult, candidate and catalogue_approval. The rules are in `catalogues/*.yaml`. Its
scheduler also computes the alarms from all services' ledger views (as `ledger_reader`): tables alarm, look and stall.
"""
