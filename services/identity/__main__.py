"""`python -m services.identity` runs the service."""

from services.identity.main import build
from services.runtime.service import main

if __name__ == "__main__":
    main("identity", build)
