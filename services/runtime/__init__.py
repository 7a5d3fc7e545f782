"""How any service consumes, stores, publishes, calls out and serves. No word of the domain is in here.

The guarantees and where they live: versions and own offsets (`consumer`, `offsets`), outbox and relay (`outbox`, `relay`),
work rows for whatever calls out (`work`), fates of failures (`errors`, `dead_letters`), leases (`lease`), the injected clock
(`clock`), credentials (`credentials`, `http`), readiness and orderly stop (`service`). How it is seen from outside: `metrics` and
`measures`, `tracing` and `spans`, `log`, and for the operator `doctor` with its `checks`.
"""
