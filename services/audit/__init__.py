"""audit: the log of what every service did with persons' data, in order, once, gapless per source, and open to auditors.

Reads `audit.<service>.v1` of every service that keeps state (its own too) and `identity.alias.v1`. Writes `audit.audit.v1`
(each query of the log is itself an entry). Owns the tables log, subject, waiting, source, sequencer and alias.
"""
