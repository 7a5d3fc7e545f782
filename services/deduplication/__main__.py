"""Process entry: `python -m services.deduplication`."""

from services.deduplication.main import build
from services.runtime.service import main

if __name__ == "__main__":
    main("deduplication", build)
