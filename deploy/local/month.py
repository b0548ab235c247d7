"""The one place where the local stack hands over to the player of a month.

Run as a process of its own, so that what it needs is gone from memory afterwards.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from shared import config


def play(data: Path, base_url: str, *, check: bool) -> bool:
    """Load the district in `data` and post its month through both doors of the running stack.

    True when all went well and, if `check`, the outcome is the expected one.
    """
    from deploy.month import play as month  # noqa: PLC0415 - only this process pays for it

    return bool(month.main(config.environment(), data, base_url, check=check))


def main() -> None:
    """Exit code 0 when the month went well."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.month")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    sys.exit(0 if play(options.data, options.base_url, check=options.check) else 1)


if __name__ == "__main__":
    main()
