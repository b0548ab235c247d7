"""Residents are told what becomes of their requests, and are asked whether it is done."""

from __future__ import annotations

from services.notify.migrations.kinds import Text, let_in, take_away

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BEFORE = (
    "'request_receipt', 'wish', 'points_credited', 'points_expiring',"
    " 'points_disputed', 'dispute_decided', 'points_posted', 'points_shared', 'star_reached',"
    " 'redemption_held', 'redemption_posted', 'redemption_released', 'points_corrected',"
    " 'coins_departed', 'coins_returned', 'coins_arrived'"
)
_NEW = (
    "'request_declined', 'request_asked', 'request_resolved', 'request_closed',"
    " 'request_reopened', 'request_extended', 'request_merged', 'request_referred',"
    " 'request_shelved'"
)

TEXTS: tuple[Text, ...] = (
    (
        "request_declined",
        "in_app",
        "zh",
        None,
        "{name}，您好！诉求 {request_no} 未予受理{reason_note}。如有疑问，请到社区服务台询问。",
    ),
    (
        "request_declined",
        "in_app",
        "en",
        None,
        "Dear {name}, request {request_no} was not admitted{reason_note}."
        " Please ask at your community's desk if this is not clear.",
    ),
    (
        "request_declined",
        "sms",
        "zh",
        "SMS_LINLI_DECLINED_ZH",
        "诉求 {request_no} 未予受理{reason_note}。如有疑问，请到社区服务台询问。",
    ),
    (
        "request_declined",
        "sms",
        "en",
        "SMS_LINLI_DECLINED_EN",
        "Request {request_no} was not admitted{reason_note}. Please ask at your community's desk.",
    ),
    (
        "request_asked",
        "in_app",
        "zh",
        None,
        "{name}，您好！办理诉求 {request_no} 需要您补充情况，请打开“我的诉求”查看并答复；"
        "等您答复期间，办理时限暂停。",
    ),
    (
        "request_asked",
        "in_app",
        "en",
        None,
        "Dear {name}, the unit handling request {request_no} asks you for more. Please open My"
        " requests and answer; its clock stands still until you do.",
    ),
    (
        "request_asked",
        "sms",
        "zh",
        "SMS_LINLI_ASKED_ZH",
        "办理诉求 {request_no} 需要您补充情况，请登录查看或联系社区服务台。",
    ),
    (
        "request_asked",
        "sms",
        "en",
        "SMS_LINLI_ASKED_EN",
        "The unit handling request {request_no} asks you for more. Please sign in and answer.",
    ),
    (
        "request_resolved",
        "in_app",
        "zh",
        None,
        "{name}，您好！诉求 {request_no} 已办理{reason_note}。{verdict_note}",
    ),
    (
        "request_resolved",
        "in_app",
        "en",
        None,
        "Dear {name}, request {request_no} was handled{reason_note}.{verdict_note}",
    ),
    (
        "request_resolved",
        "sms",
        "zh",
        "SMS_LINLI_RESOLVED_ZH",
        "诉求 {request_no} 已办理{reason_note}。{verdict_note}",
    ),
    (
        "request_resolved",
        "sms",
        "en",
        "SMS_LINLI_RESOLVED_EN",
        "Request {request_no} was handled{reason_note}.{verdict_note}",
    ),
    ("request_closed", "in_app", "zh", None, "{name}，您好！诉求 {request_no} 已结案。"),
    ("request_closed", "in_app", "en", None, "Dear {name}, request {request_no} is closed."),
    (
        "request_reopened",
        "in_app",
        "zh",
        None,
        "{name}，您好！诉求 {request_no} 已重新办理{due_note}。",
    ),
    (
        "request_reopened",
        "in_app",
        "en",
        None,
        "Dear {name}, request {request_no} is being handled again{due_note}.",
    ),
    (
        "request_extended",
        "in_app",
        "zh",
        None,
        "{name}，您好！诉求 {request_no} 情况较复杂，办理时限已延长{due_note}。",
    ),
    (
        "request_extended",
        "in_app",
        "en",
        None,
        "Dear {name}, request {request_no} needs more time{due_note}.",
    ),
    (
        "request_merged",
        "in_app",
        "zh",
        None,
        "{name}，您好！诉求 {request_no} 与相同的诉求合并办理，结果会一并告诉您。",
    ),
    (
        "request_merged",
        "in_app",
        "en",
        None,
        "Dear {name}, request {request_no} is handled together with others like it;"
        " you will hear the result.",
    ),
    (
        "request_referred",
        "in_app",
        "zh",
        None,
        "{name}，您好！诉求 {request_no} 不属于本区职责，已转交{reason_note}。",
    ),
    (
        "request_referred",
        "in_app",
        "en",
        None,
        "Dear {name}, request {request_no} is not for this district and was passed"
        " on{reason_note}.",
    ),
    (
        "request_shelved",
        "in_app",
        "zh",
        None,
        "{name}，您好！诉求 {request_no} 暂不能办理{reason_note}。条件具备后会继续办理。",
    ),
    (
        "request_shelved",
        "in_app",
        "en",
        None,
        "Dear {name}, request {request_no} cannot be done for now{reason_note}."
        " It will be taken up again.",
    ),
)


def upgrade() -> None:
    """Let the new kinds in and write version 1 of their texts."""
    let_in(_BEFORE, _NEW, TEXTS)


def downgrade() -> None:
    """Take the kinds and their notices away; for development."""
    take_away(_BEFORE, _NEW)
