"""The documents say what the code does: links, settings, targets, words of the contract."""

from __future__ import annotations

import re
from pathlib import Path

from shared.messaging.routes import ROUTES
from shared.schemas import PARTNER_TYPES
from shared.schemas.verdict import REASONS

ROOT = Path(__file__).resolve().parents[2]
SKIP = {".venv", ".run", "node_modules", ".git", "build", ".hypothesis"}


def documents() -> list[Path]:
    return [p for p in ROOT.rglob("*.md") if not SKIP & set(p.relative_to(ROOT).parts)]


def words(*names: str) -> str:
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


def test_every_relative_link_leads_somewhere() -> None:
    broken = [
        f"{path.relative_to(ROOT)} -> {target}"
        for path in documents()
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert not broken


def test_every_setting_that_is_read_is_described_and_no_other() -> None:
    pattern = re.compile(r'read(?:_int)?\(\s*f?"((?:LINLI|INTAKE|POINTS|PARTNERS|NOTIFY)_[A-Z_]+)"')
    code = {
        name
        for top in ("services", "shared", "deploy")
        for path in (ROOT / top).rglob("*.py")
        if "bench" not in path.parts
        for name in pattern.findall(path.read_text(encoding="utf-8"))
    }
    table = {
        name
        for name in re.findall(r"`([A-Z_]+)`", words("docs/operator/README.md"))
        if re.match(r"(LINLI|INTAKE|POINTS|PARTNERS|NOTIFY)_", name)
    }
    owners = {name for name in table if name.endswith("_OWNER_DATABASE_URL")}
    assert code <= table
    assert table - owners - code == set()


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", words("Makefile"), re.MULTILINE))
    named = {
        target
        for path in documents()
        for target in re.findall(
            r"(?:^|`)make ([a-z-]+)", path.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    assert named <= targets


def test_partners_can_read_of_every_type_and_every_reason() -> None:
    for name in ("docs/partners/README.md", "docs/partners/README.zh-CN.md"):
        guide = words(name)
        assert not [word for word in (*PARTNER_TYPES, *REASONS) if f"`{word}`" not in guide]


def test_the_architecture_tells_of_every_road() -> None:
    text = words("docs/ARCHITECTURE.md")
    for kind, hearers in ROUTES.items():
        [line] = [line for line in text.splitlines() if line.startswith(f"| `{kind}`")]
        assert line.split("|")[3].strip() == ", ".join(hearers)


def test_every_decision_is_listed() -> None:
    index = words("docs/decisions/README.md")
    files = sorted((ROOT / "docs/decisions").glob("0*.md"))
    assert files
    assert not [path.name for path in files if path.name not in index]


def test_nothing_is_left_for_later_in_words_only() -> None:
    marker = "TO" + "DO"
    found = [
        str(path.relative_to(ROOT))
        for top in ("services", "shared", "deploy", "tests")
        for path in (ROOT / top).rglob("*.py")
        if marker in path.read_text(encoding="utf-8")
    ]
    assert not found
