"""时限 on a request's page: which clocks run, until when and why; asking for and granting time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from services.intake.actions import deadlines
from services.intake.queries.catalogue import catalogues_of
from services.intake.queries.clocks import duties_of, runs_of
from services.intake.queries.extensions import ExtensionRow, extension, extensions_of
from services.intake.queries.reading import OFFICE, readable
from services.intake.rules.catalogue import Clock, Limit, Unit
from services.intake.rules.clock_runs import Run, extension_max
from services.intake.rules.clock_words import CLOCKS, Words, limit_words, why_due
from services.intake.rules.states import Action, State, legal
from shared import clock
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.errors import Forbidden, LinliError, Missing
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import require_role
from shared.web.acting import act
from shared.web.auth import Account, signed_in
from shared.web.i18n import t, words_of

_FOR_RESIDENTS = (Clock.RESOLVE, Clock.RECTIFY)
_HEADS = frozenset({"head", "secretary"})
BACKS = {"due": "/desk/due"}


def make_clocks(sessions: Sessions, cipher: FieldCipher) -> Blueprint:
    """`/requests/<no>/extension` and `/desk/due/extensions/<extension_no>`."""
    blueprint = Blueprint("clocks", __name__)

    @blueprint.post("/requests/<request_no>/extension")
    @require_role("staff")
    def ask_extension(request_no: str) -> Response:
        account = signed_in()
        try:
            with transaction(sessions) as tx:
                one = readable(tx.session, cipher, request_no, account)
                if one["unit_code"] not in duties_of(tx.session, account.account_no):
                    raise Forbidden(
                        "not_of_unit",
                        "只有承办单位的人员可以申请延期",
                        "only people of the unit that has it may ask for more time",
                    )
                deadlines.ask_extension(
                    tx,
                    one["id"],
                    amount=_whole(request.form.get("amount", "")),
                    reason=request.form.get("reason", ""),
                    by=account.account_no,
                )
        except Missing:
            raise
        except LinliError as problem:
            flash(words_of(problem), "bad")
        else:
            flash(t("已申请延期，请另一位负责人批准。", "Asked; somebody else decides."), "ok")
        return redirect(f"/requests/{request_no}#clocks", 303)

    @blueprint.post("/desk/due/extensions/<int:extension_no>")
    @require_role("staff", "manager")
    def decide_extension(extension_no: int) -> Response:
        account = signed_in()
        is_granted = request.form.get("answer") == "grant"
        with sessions() as session:
            known = extension(session, extension_no)
            if known is None or not may_decide(session, account, known.unit_code):
                raise Missing(
                    "no_extension", "没有这项延期申请", "There is no such question for more time"
                )

        def decide(tx: Transaction) -> None:
            deadlines.decide_extension(
                tx,
                extension_no,
                is_granted=is_granted,
                note=_note(extension_no),
                by=account.account_no,
            )

        back = BACKS.get(request.form.get("back", ""), f"/requests/{known.request_no}#clocks")
        done = t("已批准延期。", "Granted.") if is_granted else t("未批准。", "Refused.")
        return act(sessions, decide, back=back, done=done, typed=True)

    return blueprint


def clock_facts(
    session: Session, one: Mapping[str, Any], account: Account
) -> Mapping[str, Any] | None:
    """What the panel of clocks shows: residents see when it will be done, the office all."""
    is_office = account.role in OFFICE
    runs = [
        run
        for run in runs_of(session, [one["id"]])[one["id"]]
        if is_office or run.kind in _FOR_RESIDENTS
    ]
    if not runs:
        return None
    now = clock.now()
    asked = extensions_of(session, one["id"]) if is_office else []
    may_ask = is_office and one["unit_code"] in duties_of(session, account.account_no)
    ask = _askable(session, one, runs, asked, now) if may_ask else None
    return {
        "is_office": is_office,
        "runs": [_shown(run, now) for run in runs],
        "extensions": [shown_extension(session, each, account) for each in asked],
        "ask": ask,
    }


def may_decide(session: Session, account: Account, unit_code: str | None) -> bool:
    """Managers decide on more time, and who heads the unit that has the request."""
    if account.role == "manager":
        return True
    duties = duties_of(session, account.account_no).get(unit_code or "", set())
    return account.role == "staff" and not _HEADS.isdisjoint(duties)


def shown_extension(session: Session, each: ExtensionRow, account: Account) -> dict[str, Any]:
    """A question for more time, and whether this account may answer it."""
    is_waiting = each.is_granted is None
    return {
        **each._asdict(),
        "more": say(limit_words(Limit(each.amount, Unit(each.unit)))),
        "clock": say(CLOCKS[each.kind]),
        "may_decide": is_waiting
        and each.asked_by != account.account_no
        and may_decide(session, account, each.unit_code),
    }


def say(words: Words) -> str:
    """In the reader's language."""
    return t(words.zh, words.en)


def state_of(run: Run, now: datetime) -> tuple[str, str]:
    """(tone, word) of a clock: running, late, standing still, kept, missed, called off."""
    if run.stopped_at is not None:
        if run.met is None:
            return "off", t("不再计时", "Called off")
        return ("ok", t("按时", "In time")) if run.met else ("bad", t("超期", "Too late"))
    if run.frozen_at is not None:
        return "warn", t("暂停计时", "Stands still")
    return ("bad", t("已超期", "Overdue")) if run.due_at < now else ("wait", t("计时中", "Running"))


def _shown(run: Run, now: datetime) -> dict[str, Any]:
    tone, state = state_of(run, now)
    return {
        "name": say(CLOCKS[run.kind]),
        "run": run.run,
        "tone": tone,
        "state": state,
        "is_open": run.is_open,
        "limit": say(limit_words(run.limit)),
        "due_at": None if run.is_open and run.frozen_at is not None else run.due_at,
        "stopped_at": run.stopped_at,
        "frozen_at": run.frozen_at,
        "why": [say(words) for words in why_due(run.explanation)],
    }


def _askable(
    session: Session,
    one: Mapping[str, Any],
    runs: list[Run],
    asked: list[ExtensionRow],
    now: datetime,
) -> dict[str, Any] | None:
    """The form for more time, while it may be asked for."""
    open_runs = [run for run in runs if run.is_open and run.kind in _FOR_RESIDENTS]
    if not open_runs or Action.EXTEND not in legal(State(one["state"])):
        return None
    run = open_runs[-1]
    if (run.frozen_at or now) > run.due_at or any(e.is_granted is not False for e in asked):
        return None
    catalogue = catalogues_of(session, [run.version]).get(run.version)
    most = extension_max(catalogue, run.limit) if catalogue is not None else 0
    if not most:
        return None
    return {"most": most, "most_words": say(limit_words(Limit(most, run.limit.unit)))}


def _whole(written: str) -> int:
    return int(written) if written.isascii() and written.isdigit() and len(written) < 6 else 0


def _note(extension_no: int) -> str:
    # Where several are asked on one page, each has a field of its own name.
    form = request.form
    return (form.get("note") or form.get(f"note-{extension_no}", ""))[:500]
