"""The contract between the services: event types, topics and rights, envelope and HTTP messages.

It is the only thing the services share besides `services.runtime`. Nothing here does I/O except the typed HTTP clients in
`events.http`. A fact is always the *whole* state of one aggregate with a version; its Kafka key is the aggregate's id.
"""
