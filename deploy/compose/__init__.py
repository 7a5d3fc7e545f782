"""The system as containers: the folder they are given, `docker compose` itself, the images. `python -m deploy.compose`."""
