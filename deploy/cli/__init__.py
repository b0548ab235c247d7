"""The `linli` command, for operators. One small module for each group; each imports what it
needs only when it runs, so that `linli --help` is quick and one service's missing settings do not
stand in another's way.
"""

from __future__ import annotations

from deploy.cli.root import main

__all__ = ["main"]
