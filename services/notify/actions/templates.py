"""New versions of texts. A version that exists is never changed: notices pin it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services.notify.models import Template
from services.notify.rules import CHANNELS, LANGUAGES, Channel, Kind, check_body
from shared.errors import Conflict, Rejected
from shared.ids import uuid7


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a version; `provider_code` is the vendor's code of an approved SMS text."""

    channel: Channel
    language: str
    body: str
    provider_code: str | None


def add_version(session: Session, kind: Kind, texts: Iterable[Text], active_from: datetime) -> int:
    """Add a version of a kind and return its number; notices use it from `active_from` on.

    Raises Rejected for a set that is not complete, UnknownPlaceholder for a body that no notice
    could fill, Conflict when somebody else has added a version just now.
    """
    written = list(texts)
    _check_complete(kind, written)
    for one in written:
        check_body(kind, one.channel, one.body)
    newest = session.execute(
        select(func.max(Template.version)).where(Template.kind == kind)
    ).scalar()
    version = int(newest or 0) + 1
    session.add_all(
        Template(
            id=uuid7(),
            kind=kind.value,
            language=one.language,
            channel=one.channel.value,
            version=version,
            body=one.body,
            provider_code=one.provider_code,
            active_from=active_from,
        )
        for one in written
    )
    try:
        session.flush()
    except IntegrityError as problem:
        raise Conflict(
            "version_taken",
            "别人刚刚发布了同一模板的新版本，请刷新后重试",
            "somebody has just added a version of this template: reload and try again",
        ) from problem
    return version


def _check_complete(kind: Kind, texts: list[Text]) -> None:
    wanted = {(channel, language) for channel in CHANNELS[kind] for language in LANGUAGES}
    given = [(one.channel, one.language) for one in texts]
    if len(given) != len(wanted) or set(given) != wanted:
        listed = ", ".join(sorted(f"{channel}/{language}" for channel, language in wanted))
        raise Rejected(
            "incomplete_version",
            f"一个版本须正好包含这些文本：{listed}",
            f"a version must hold exactly these texts: {listed}",
            pointer="/texts",
        )
    for number, one in enumerate(texts):
        if (one.channel is Channel.SMS) != bool(one.provider_code):
            raise Rejected(
                "provider_code",
                "短信文本须填写供应商的模板代码，其他文本不填",
                "an SMS text needs the vendor's template code, and no other text has one",
                pointer=f"/texts/{number}/provider_code",
            )
