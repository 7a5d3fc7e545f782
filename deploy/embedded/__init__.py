"""Real Apache Kafka and PostgreSQL without Docker, Java or root: programs from wheels and hash-locked jars.

Everything listens on 127.0.0.1 only and asks for a password.
"""
