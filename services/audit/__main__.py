"""`python -m services.audit` runs the service."""

from services.audit.main import build
from services.runtime.service import main

if __name__ == "__main__":
    main("audit", build)
