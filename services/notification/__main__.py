"""`python -m services.notification`: one process of this service."""

from services.notification.main import build
from services.runtime.service import main

if __name__ == "__main__":
    main("notification", build)
