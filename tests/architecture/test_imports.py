"""Who may import whom; the contracts are in .importlinter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[2]


def test_every_contract_is_kept(monkeypatch: object) -> None:
    sys.path.insert(0, str(ROOT))
    assert lint_imports(config_filename=str(ROOT / ".importlinter"), no_cache=True) == 0


def test_importing_any_module_touches_neither_environment_nor_network() -> None:
    """With an empty environment each module of the services imports; settings come as arguments."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for top in ("services", "shared")
        for path in sorted((ROOT / top).rglob("*.py"))
        if "migrations" not in path.parts and path.stem != "__init__"
    ]
    script = "\n".join(f"import {module}" for module in modules)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env={}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
