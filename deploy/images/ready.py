"""The services' health check: 0 when the service on the port given says that it is ready. The standard library only, for speed:
eight services are asked every few seconds on machines with two cores.
"""

import http.client
import sys

SECONDS = 3
"""Longer than any answer takes; what takes longer is not ready."""


def main(port: int) -> int:
    """Exit code."""
    door = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        door.request("GET", "/ready")
        return int(door.getresponse().status != 200)
    except OSError:
        return 1
    finally:
        door.close()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
