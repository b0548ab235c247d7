"""Finding a category by what a clerk types: its code, its name, or their first letters. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from services.intake.rules.catalogue import Catalogue
from services.intake.rules.initials import initials_of
from shared.errors import Rejected

SHOWN_MAX: Final = 8
OTHER: Final = "other"  # what the doors write when nobody knows better; triage then looks


@dataclass(frozen=True, slots=True)
class Kind:
    """A category that can be chosen; `letters` are the initials of its names and synonyms."""

    code: str
    zh: str
    en: str
    letters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KindGroup:
    """A group of the catalogue with its kinds."""

    zh: str
    en: str
    kinds: tuple[Kind, ...]


def kinds_of(catalogue: Catalogue) -> list[KindGroup]:
    """Each event, which stands for its usual condition, and the conditions beside that one."""
    groups = []
    for group in catalogue.groups:
        kinds = []
        for event in group.events:
            usual, *others = event.conditions
            kinds.append(
                _kind(event.code, event.name_zh, event.name_en, (event.name_zh, *usual.synonyms))
            )
            kinds += [
                _kind(
                    each.code,
                    f"{event.name_zh}：{each.name_zh}",
                    f"{event.name_en}: {each.name_en}",
                    (event.name_zh + each.name_zh, each.name_zh, *each.synonyms),
                )
                for each in others
            ]
        groups.append(KindGroup(group.name_zh, group.name_en, tuple(kinds)))
    return groups


def _kind(code: str, zh: str, en: str, names: Iterable[str]) -> Kind:
    found = [letters for name in names for letters in initials_of(name)]
    return Kind(code, zh, en, tuple(dict.fromkeys(found)))


def find_kinds(kinds: Iterable[Kind], typed: str) -> list[Kind]:
    """What fits, the best first: equal code or name, equal letters, a beginning, a part."""
    asked = typed.strip().lower()
    if not asked:
        return []
    ranked = [(_rank(kind, asked), place, kind) for place, kind in enumerate(kinds)]
    fitting = sorted((rank, place) for rank, place, _ in ranked if rank is not None)
    return [ranked[place][2] for _, place in fitting[:SHOWN_MAX]]


def _rank(kind: Kind, asked: str) -> int | None:
    # The same order as static/counter.js has it.
    code, name = kind.code.lower(), kind.zh.lower()
    fits = (
        asked in (code, name),
        asked in kind.letters[:1],
        asked in kind.letters,
        code.startswith(asked) or name.startswith(asked),
        any(letters.startswith(asked) for letters in kind.letters),
        asked in name or asked in kind.en.lower(),
    )
    return next((rank for rank, fit in enumerate(fits) if fit), None)


def read_kind(kinds: Sequence[Kind], typed: str) -> str:
    """The code that was meant; `OTHER` for nothing. Raises Rejected when it is not clear."""
    if not typed.strip():
        return OTHER
    found = find_kinds(kinds, typed)
    if not found:
        raise _unclear(f"没有「{typed}」这个类别", f"there is no category {typed}")
    asked = typed.strip().lower()
    best = [kind for kind in found if _rank(kind, asked) == _rank(found[0], asked)]
    if len(best) > 1 and _rank(best[0], asked) != 0:
        listed = "、".join(f"{kind.code} {kind.zh}" for kind in best)
        named = ", ".join(f"{kind.code} {kind.en}" for kind in best)
        raise _unclear(
            f"「{typed}」可指：{listed}，请填代码", f"{typed} may be: {named}; give the code"
        )
    return best[0].code


def _unclear(zh: str, en: str) -> Rejected:
    return Rejected("category", f"category：{zh}", f"category: {en}", pointer="/category")
