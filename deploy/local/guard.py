"""Becomes another program, one that dies with its parent.

Run as a script before any package is importable: `python guard.py PARENT SIGNAL -- PROGRAM …`.
It stands between fork and exec because code may not run safely there in a threaded parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Ask for SIGNAL when PARENT goes, then exec PROGRAM; without Linux only the exec is done."""
    parent, death_signal, program = int(arguments[0]), int(arguments[1]), arguments[3:]
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it went before we had asked
            sys.exit(1)
    try:
        os.execvp(program[0], program)  # noqa: S606 - that is what it is for
    except OSError as problem:
        sys.exit(f"{program[0]}: {problem.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
