"""The law of time coins between districts: what a peer may be, what is refused, when to ask again.

A sender's transfer is `proposed` until the receiver's signed word makes it `done` or `refused`;
nothing else ends it. A receiver decides once for each transfer, for ever.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

from services.points.rules.time_bank_messages import AMOUNT_MAX, Proposal, check_code
from services.points.rules.time_bank_seals import check_public_key
from shared.clock import DISTRICT_TIMEZONE
from shared.errors import Rejected

ASSET = "time_coins"
PROGRAMME = "time-bank"  # the source of the lots of coins that came from another district
PROPOSAL_LIFE = timedelta(days=7)
CANCEL_LIFE = timedelta(days=1)  # a new one is signed for each attempt
AHEAD_MAX = timedelta(minutes=5)  # how far the other district's clock may be ahead of ours

# One coin is an hour of service; 1,500 hours is what a person may hold.
BALANCE_MAX = 1_500
TRANSFER_MAX = 200
MONTH_MAX = 400

FIRST_WAIT_S = 5
WAIT_MAX_S = 3_600
NAME_CHARS_MAX = 40
URL_CHARS_MAX = 200

PROPOSED, DONE, REFUSED = "proposed", "done", "refused"

# Why a transfer was refused, for people.
REASONS: Mapping[str, tuple[str, str]] = {
    "cancelled": ("已按申请撤销", "cancelled as asked"),
    "expired": ("对方收到时已过有效期", "it had expired when the other district got it"),
    "peer_inactive": ("对方已暂停与本区往来", "the other district takes none from here now"),
    "unknown_resident": ("对方没有这个居民编号", "the other district does not know that number"),
    "transfer_max": ("超过对方的每笔上限", "more than the other district takes in one transfer"),
    "month_max": ("超过对方的每月上限", "more than the other district takes in a month"),
    "balance_max": ("超过对方的持有上限", "more than a resident of the other district may hold"),
    "lot_ended": ("有时间币已到期", "some of the coins had ended"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerTerms:
    """What a district is to us; limits in coins."""

    code: str
    name: str
    url: str
    public_key: str
    is_active: bool
    transfer_max: int
    month_max: int
    balance_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """What is known of the resident whom coins are for."""

    is_known: bool
    balance: int  # spendable and put aside
    received_in_month: int  # of this district's coins


def refusal(
    proposal: Proposal, peer: PeerTerms, receiver: Receiver, now: datetime, today: date
) -> str | None:
    """Why a proposal is refused; None when it is to be credited. The first that applies."""
    found = (
        ("expired", now >= proposal.expires_at),
        ("peer_inactive", not peer.is_active),
        ("unknown_resident", not receiver.is_known),
        ("lot_ended", proposal.lots[0].expires_on < today),
        ("transfer_max", proposal.amount > peer.transfer_max),
        ("month_max", receiver.received_in_month + proposal.amount > peer.month_max),
        ("balance_max", receiver.balance + proposal.amount > peer.balance_max),
    )
    return next((reason for reason, applies in found if applies), None)


def wait_s(attempts: int, chance: float) -> float:
    """Seconds until the next attempt: 5 doubling to an hour, a quarter more or less by chance.

    `attempts` are those made so far (at least 1), `chance` is from 0 to 1. There is no last one.
    """
    base = min(FIRST_WAIT_S << min(attempts - 1, 20), WAIT_MAX_S)
    return base * (0.75 + chance / 2)


def month_start(at: datetime) -> datetime:
    """The first instant of the month that an instant is in (Asia/Shanghai)."""
    local = at.astimezone(DISTRICT_TIMEZONE)
    return local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def read_peer(form: Mapping[str, str], own_code: str) -> PeerTerms:
    """A peer from the texts of a form; raises Rejected, naming the field."""
    code = check_code(form.get("code", "").strip(), "/code")
    if code == own_code:
        raise _wrong("/code", "不能填本区代码", "must not be this district's own code")
    name = form.get("name", "").strip()
    if not 1 <= len(name) <= NAME_CHARS_MAX or not name.isprintable():
        raise _wrong("/name", f"区名须为 1 至 {NAME_CHARS_MAX} 个字",
                     f"a name is 1 to {NAME_CHARS_MAX} characters")  # fmt: skip
    return PeerTerms(
        code=code,
        name=name,
        url=check_url(form.get("url", "").strip()),
        public_key=check_public_key(form.get("public_key", "").strip(), "/public_key"),
        is_active=form.get("is_active", "yes") == "yes",
        transfer_max=_limit(form, "transfer_max"),
        month_max=_limit(form, "month_max"),
        balance_max=_limit(form, "balance_max"),
    )


def check_url(url: str) -> str:
    """Where a district answers, without a slash at its end; raises Rejected.

    Only https, because resident numbers go there; plain http only on a private line, by address.
    """
    wrong = _wrong(
        "/url",
        "须为 https:// 开头的网址（专线可用内网 IP 的 http://），不含路径",
        "must be an https address without a path (http only to a private IP)",
    )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong from None
    if (
        len(url) > URL_CHARS_MAX
        or parts.scheme not in ("https", "http")
        or not parts.hostname
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
        or parts.username is not None
        or port == 0
        or any(c.isspace() or not c.isprintable() or c == "\\" for c in url)
        or (parts.scheme == "http" and not _is_private(parts.hostname))
    ):
        raise wrong
    return url.rstrip("/")


def _is_private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


def read_amount(text: str, pointer: str) -> int:
    """A whole number of coins from a form; raises Rejected."""
    written = text.strip()
    if not (written.isascii() and written.isdigit() and len(written) <= len(str(AMOUNT_MAX))):
        raise _bad_amount(pointer)
    return check_amount(int(written), pointer)


def check_amount(amount: int, pointer: str) -> int:
    """At least one coin; raises Rejected."""
    if not 1 <= amount <= AMOUNT_MAX:
        raise _bad_amount(pointer)
    return amount


def _limit(form: Mapping[str, str], name: str) -> int:
    return read_amount(form.get(name, ""), f"/{name}")


def _bad_amount(pointer: str) -> Rejected:
    return _wrong(pointer, f"时间币须为 1 至 {AMOUNT_MAX} 的整数",
                  f"coins must be a whole number from 1 to {AMOUNT_MAX}")  # fmt: skip


def _wrong(pointer: str, zh: str, en: str) -> Rejected:
    return Rejected("bad_time_bank_input", zh, en, pointer=pointer)
