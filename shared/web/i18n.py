"""Languages: Chinese is the language of the source, English a catalogue beside it.

Catalogues are the committed .po files; they are compiled in memory when an app is made, so a
fresh clone needs no build step and no binary can be out of date. A service's own catalogue,
`translations/en/LC_MESSAGES/messages.po` in its package, is added to the shared one.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path

import flask_babel  # type: ignore[import-untyped, unused-ignore]
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, has_request_context, request

from shared.errors import LinliError

LANGUAGES = ("zh", "en")
COOKIE = "lang"
TIMEZONE = "Asia/Shanghai"
_LOCALES = {"zh": "zh_Hans_CN", "en": "en"}
_HTML_TAGS = {"zh": "zh-CN", "en": "en"}
_CATALOGUE = "translations/en/LC_MESSAGES/messages.po"


def language() -> str:
    """`zh` or `en`, as the visitor chose; zh when they did not."""
    chosen = request.cookies.get(COOKIE) if has_request_context() else None
    return chosen if chosen in LANGUAGES else LANGUAGES[0]


def html_language() -> str:
    """The lang attribute of the page."""
    return _HTML_TAGS[language()]


def t(zh: str, en: str) -> str:
    """One of two texts that are at hand, in the visitor's language."""
    return en if language() == "en" else zh


def words_of(error: LinliError) -> str:
    """An error's text in the visitor's language."""
    return t(error.zh, error.en)


@cache
def catalogue(*files: Path) -> Translations:
    """The .po files, compiled and merged; a later file wins."""
    merged = Translations()
    for path in files:
        compiled = BytesIO()
        with path.open("rb") as source:
            write_mo(compiled, read_po(source, locale="en"))
        compiled.seek(0)
        merged.merge(Translations(fp=compiled))
    return merged


class _Catalogues:
    """What flask-babel asks for translations: the English catalogue, or the source itself."""

    def __init__(self, english: Translations) -> None:
        self._english = english
        self._source = NullTranslations()

    def get_translations(self) -> NullTranslations:
        return self._english if language() == "en" else self._source

    def gettext(self, string: str, **variables: object) -> str:
        told: str = self.get_translations().ugettext(string)
        return told % variables if variables else told


class _Babel(flask_babel.Babel):  # type: ignore[misc, unused-ignore]
    def __init__(self, app: Flask, catalogues: _Catalogues) -> None:
        self._catalogues = catalogues
        super().__init__(
            app,
            default_locale=_LOCALES["zh"],
            default_timezone=TIMEZONE,
            locale_selector=lambda: _LOCALES[language()],
        )

    @property
    def domain_instance(self) -> _Catalogues:
        return self._catalogues


def install(app: Flask) -> None:
    """Give the app and its templates their words."""
    places = (Path(__file__).parent, Path(app.root_path))
    files = [place / _CATALOGUE for place in places]
    _Babel(app, _Catalogues(catalogue(*(file for file in dict.fromkeys(files) if file.exists()))))
    app.jinja_env.globals.update(
        t=t, words_of=words_of, language=language, html_language=html_language
    )
