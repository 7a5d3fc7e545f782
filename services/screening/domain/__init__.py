"""The rules of screening, without any input or output.

`chains` (which records are one event), `catalogue` (what counts and which rules there are),
`verdicts` (adults and children of one run), `brakes` (when a run must wait for a person).
"""
