"""Intake: takes in the districts' extracts (*udtræk*), row by row, and lets nothing out that names a person.

Reads no topic; its input is the folder `<inbox>/police` (format: docs/extracts.md). Writes `intake.record.v1`,
`intake.extract.v1` and `audit.intake.v1`. Owns the tables `arrival` (what lies in the inbox and what became of it), `extract`
(what was accepted, and how far it has been read), `record` (the random id of each row key, and the revision held) and
`quarantine`. It keeps no journal number, identity, place or other text of a row: keys, contents and places are keyed hashes.
"""
