"""Starts the service: `python -m services.screening`."""

from services.runtime.service import main
from services.screening.main import build

if __name__ == "__main__":
    main("screening", build)
