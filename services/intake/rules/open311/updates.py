"""What a client sends of a request that goes on, read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypedDict

from services.intake.rules.open311.faults import Fault, Refused, bad, missing, unknown
from services.intake.rules.open311.moments import read_moment
from services.intake.rules.open311.posted import ID_CHARACTERS_MAX, is_web_address
from services.intake.rules.open311.statuses import TOLD_BY_CLIENTS
from services.intake.rules.requests import DESCRIPTION_CHARACTERS_MAX, read_public_code

_REQUIRED: Final = ("service_request_id", "update_id", "status", "description")


class ReadUpdate(TypedDict):
    """What of it is kept."""

    public_code: str
    update_id: str
    status: str
    description: str


def read_update(form: Mapping[str, str]) -> ReadUpdate:
    """The update; raises Refused with all that is wrong. `form` has no empty values."""
    faults: list[Fault] = [missing(name) for name in _REQUIRED if name not in form]
    asked = form.get("service_request_id", "")
    code = read_public_code(asked)
    if asked and code is None:
        faults.append(
            unknown("service_request_id", asked, "没有这件诉求", "there is no such request")
        )
    for name, most in (
        ("update_id", ID_CHARACTERS_MAX),
        ("description", DESCRIPTION_CHARACTERS_MAX),
    ):
        if len(form.get(name, "")) > most:
            faults.append(bad(name, f"不得超过 {most} 个字符", f"at most {most} characters"))
    status = form.get("status", "").lower().replace(" ", "_")
    if status and status not in TOLD_BY_CLIENTS:
        listed = ", ".join(sorted(TOLD_BY_CLIENTS))
        faults.append(bad("status", f"须为 {listed}", f"must be one of {listed}"))
    if "updated_datetime" in form and read_moment(form["updated_datetime"]) is None:
        faults.append(bad("updated_datetime", "须为带时区的时间", "must be a time with a zone"))
    if "media_url" in form and not is_web_address(form["media_url"]):
        faults.append(
            bad("media_url", "须为 http 或 https 地址", "must be an http or https address")
        )
    if faults or code is None:
        raise Refused(faults)
    return ReadUpdate(
        public_code=code,
        update_id=form["update_id"],
        status=status,
        description=_with_media(form),
    )


def _with_media(form: Mapping[str, str]) -> str:
    """The text, and where the client has a picture of it (kept as a text, never fetched)."""
    description, media = form["description"], form.get("media_url")
    if media is None or len(description) + len(media) + 1 > DESCRIPTION_CHARACTERS_MAX:
        return description
    return f"{description}\n{media}"
