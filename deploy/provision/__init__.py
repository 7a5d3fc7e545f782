"""What must exist before a service can run: Kafka's users, topics and rights, and PostgreSQL's roles, schemas, tables and rights.

All of it follows from declarations (`events.topics`, each service's `store.py`). Running it again changes nothing.
"""
