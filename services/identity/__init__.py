"""identity: the vault – the only service that knows who a pseudonym is, whose children they have and where they live.

Reads no topic: the population register comes as files, questions come through doors. Writes `identity.alias.v1` (two
pseudonyms, one person – or not; identified, waiting, unidentifiable) and `audit.identity.v1`. Owns the tables person, address,
parent, custody and institution (the register as last loaded), identity, pseudonym and link (who is who), register_file,
quarantine and touched (loading). Clear data stay in this schema; of the register only what a door needs is kept (no road names).
"""
