"""House rules that a machine can hold: sizes, names, and what may be called where."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOPS = ("services", "shared", "deploy", "tests")

LINE_MAX = 100
FILE_MAX = 400
TEST_FILE_MAX = 600
FUNCTION_MAX = 70

# What may be said only in one place: pattern, where it may be, why.
BANNED = [
    (r"\.commit\(", {"shared/messaging/transaction.py"}, "only the transaction commits"),
    (r"os\.environ", {"shared/config.py"}, "only shared/config reads the environment"),
    (
        r"datetime\.(now|utcnow|today)\(|date\.today\(",
        {"shared/clock.py"},
        "time enters by shared/clock only",
    ),
    (r"^\s*print\(", set(), "services log, they do not print"),
    (r"basic_publish\(", {"shared/messaging/publisher.py"}, "only the relay publishes"),
]
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base_utils"}


def sources(*tops: str) -> Iterator[Path]:
    for top in tops:
        yield from sorted((ROOT / top).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize(("pattern", "allowed", "why"), BANNED, ids=lambda value: str(value)[:20])
def test_nothing_is_called_where_it_does_not_belong(
    pattern: str, allowed: set[str], why: str
) -> None:
    found = [
        f"{name(path)}:{number}"
        for path in sources("services", "shared")
        if name(path) not in allowed
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert not found, why


def test_lines_and_files_can_be_read_at_a_glance() -> None:
    found = []
    for path in sources(*TOPS):
        lines = path.read_text(encoding="utf-8").splitlines()
        most = TEST_FILE_MAX if path.parts[len(ROOT.parts)] == "tests" else FILE_MAX
        if len(lines) > most:
            found.append(f"{name(path)} has {len(lines)} lines")
        found += [f"{name(path)}:{n}" for n, line in enumerate(lines, 1) if len(line) > LINE_MAX]
    assert not found


def test_functions_can_be_read_at_a_glance() -> None:
    found = [
        f"{name(path)}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for path in sources(*TOPS)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > FUNCTION_MAX
    ]
    assert not found


def test_every_module_has_a_name_that_says_something() -> None:
    assert not [name(path) for path in sources(*TOPS) if path.stem in NAMELESS]


def test_every_module_of_the_product_says_what_it_is_for() -> None:
    silent = [
        name(path)
        for path in sources("services", "shared", "deploy")
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_every_service_has_its_rooms() -> None:
    for service in ("intake", "points", "partners", "notify"):
        home = ROOT / "services" / service
        for room in ("app", "worker", "config", "handlers", "queries"):
            assert (home / f"{room}.py").exists() or (home / room).is_dir(), f"{service}/{room}"
        assert (home / "README.md").exists(), service
