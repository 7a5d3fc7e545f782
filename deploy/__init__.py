"""How the system is set up and run: embedded servers, secrets, provisioning of Kafka and PostgreSQL, processes.

Nothing here is imported by a service. `python -m deploy --help` lists the commands; `deploy.system.System` is the same for
programs, `deploy.testing` chooses the engines that the tests run against.
"""
