"""The Kafka client's own administration tool (`python -m kafka.admin`), with the administrator's password from a file.

    python -m deploy.kafka_admin PASSWORD_FILE -b HOST:PORT … configs alter …

`-` for the file takes it from `KAFKA_ADMIN_PASSWORD`. The tool itself knows only an argument, and a command line is visible to
everybody; here it gets it within the process.
"""

import os
import sys
from pathlib import Path

from kafka.cli.admin import run_cli


def main(password_file: str, *arguments: str) -> int:
    """Run the tool; its exit code."""
    given = os.environ["KAFKA_ADMIN_PASSWORD"] if password_file == "-" else Path(password_file).read_text(encoding="utf-8")
    return int(run_cli(["-P", given.strip(), *arguments]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
