"""By which letters a name is found: the first letter of each syllable, in every reading. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice, product
from typing import Final

READINGS_MAX: Final = 16  # 单、曾、长 have two or three; a name of four such has its first sixteen
NAME_CHARACTERS_MAX: Final = 12  # a longer name is found by its first twelve

_words = re.compile(r"[A-Za-z]+|[^\W\d_]").findall


def initials_of(name: str) -> tuple[str, ...]:
    """王秀英 -> ("wxy", "yxy"): a character read in several ways gives several. Latin: Li Wei -> lw.

    Empty when the name has no letter at all.
    """
    parts = _words(name)[:NAME_CHARACTERS_MAX]
    if not parts:
        return ()
    readings = [(part[0].lower(),) if part.isascii() else _letters(part) for part in parts]
    return tuple(dict.fromkeys(islice(map("".join, product(*readings)), READINGS_MAX)))


@lru_cache(maxsize=20_000)
def _letters(character: str) -> tuple[str, ...]:
    # Each character by itself: inside a phrase the library knows only the phrase's one reading.
    from pypinyin import Style, pinyin  # noqa: PLC0415 - its tables take memory; few processes ask

    ((*read,),) = pinyin(character, heteronym=True, style=Style.FIRST_LETTER)
    return tuple(dict.fromkeys(letter.lower() for letter in read))
