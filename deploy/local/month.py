"""The one place where the local stack hands over to the player of a month.

Run as a process of its own, so that what it needs is gone from memory afterwards.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from shared import config
from shared.errors import LinliError


def play(data: Path, base_url: str, *, keys: Path, check: bool) -> int:
    """Load the district in `data` and post its month through both doors of the running stack.

    Partners' credentials are kept in the directory `keys`. The exit code: 0 when all went well
    and, if `check`, the outcome is the expected one. Raises LinliError.
    """
    # Imported here, so that only this process pays for it.
    from rich.console import Console  # noqa: PLC0415

    from deploy.month import credentials, load  # noqa: PLC0415
    from deploy.month.play import play as play_month  # noqa: PLC0415

    settings, console = config.environment(), Console()
    load.load(settings, data, keys, console.print)
    known = credentials.read(keys)
    return play_month(settings, data, base_url, known, check=check, console=console)


def main() -> None:
    """Entry point; exits with 0 when the month went well."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.month")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--keys", type=Path, required=True)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    try:
        code = play(options.data, options.base_url, keys=options.keys, check=options.check)
    except LinliError as problem:
        sys.exit(f"{problem.zh} / {problem.en}")
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
