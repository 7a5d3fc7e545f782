"""`python -m services.delivery`."""

from services.delivery.main import build
from services.runtime.service import main

if __name__ == "__main__":
    main("delivery", build)
