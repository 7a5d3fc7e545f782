"""`python -m services.monitoring` runs the service."""

from services.monitoring.main import main

if __name__ == "__main__":
    main()
