"""`python -m services.intake` runs the service."""

from services.intake.main import build
from services.runtime.service import main

if __name__ == "__main__":
    main("intake", build)
