"""python -m deploy.cli: the `linli` command without its script."""

from __future__ import annotations

from deploy.cli.root import main

if __name__ == "__main__":
    main()
