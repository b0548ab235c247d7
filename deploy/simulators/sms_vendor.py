"""What a simulated SMS vendor decides: signatures, refusals, faults, receipts. No sockets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import threading
import time
from collections import Counter, OrderedDict, deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeVar
from urllib.parse import quote
from uuid import uuid4

Value = TypeVar("Value")

REMEMBERED_MAX = 100_000
RECEIPTS_WAITING_MAX = 100_000
RECEIPT_BATCH_MAX = 100
CLOCK_SKEW = timedelta(minutes=15)
_CHINA = timezone(timedelta(hours=8))

_RULED = "1990000000"
_REFUSED = {
    f"{_RULED}1": "isv.MOBILE_NUMBER_ILLEGAL",
    f"{_RULED}2": "isv.BUSINESS_LIMIT_CONTROL",
}
_REPORTED_FAILED = {f"{_RULED}3": "MOBILE_NOT_ON_SERVICE", f"{_RULED}7": "REQUEST_SUCCESS"}
_FAILS_ONCE = f"{_RULED}4"
_SLOW = f"{_RULED}5"
_SILENT = f"{_RULED}6"

_MESSAGES = {
    "OK": "OK",
    "isp.SYSTEM_ERROR": "系统错误",
    "isp.GATEWAY_ERROR": "网关错误",
    "isv.MOBILE_NUMBER_ILLEGAL": "手机号码不合法",
    "isv.BUSINESS_LIMIT_CONTROL": "触发流量控制",
    "isv.INVALID_JSON_PARAM": "模板变量不是 JSON 对象",
    "isv.INVALID_PARAMETERS": "缺少参数",
    "SignatureDoesNotMatch": "签名不匹配",
    "SignatureNonceUsed": "随机数已用过",
    "InvalidAccessKeyId.NotFound": "没有这个访问密钥",
    "InvalidTimeStamp.Expired": "时间戳已过期",
    "InvalidAction.NotFound": "没有这个接口",
}
_HTTP_STATUS = {
    "SignatureDoesNotMatch": 400,
    "SignatureNonceUsed": 400,
    "InvalidAccessKeyId.NotFound": 404,
    "InvalidTimeStamp.Expired": 400,
    "InvalidAction.NotFound": 404,
}
_NEEDED = ("PhoneNumbers", "SignName", "TemplateCode")


@dataclass(slots=True)
class Knobs:
    """What POST /control may change; see the table in sms.py."""

    down: bool = False
    slow_ms: int = 0
    fail_next: int = 0
    fail_ratio: float = 0.0
    throttle_ratio: float = 0.0
    lose_next: int = 0
    receipt_delay_ms: int = 200


class NoAnswer(Exception):
    """Close the connection instead of answering."""


class Vendor:
    """The vendor's mind. What it remembers is bounded, oldest forgotten first."""

    def __init__(
        self, access_key_id: str, access_key_secret: str, *, reports: bool = True, seed: int = 1
    ) -> None:
        self.knobs = Knobs()
        self.counts: Counter[str] = Counter()
        self.receipts: deque[tuple[float, dict[str, object]]] = deque(maxlen=RECEIPTS_WAITING_MAX)
        self._access_key_id = access_key_id
        self._secret = access_key_secret
        self._reports = reports  # without a reader, receipts would only pile up
        self._lock = threading.Lock()
        self._accepted: OrderedDict[str, str] = OrderedDict()  # OutId -> BizId
        self._failed_once: OrderedDict[str, None] = OrderedDict()
        self._nonces: OrderedDict[str, None] = OrderedDict()
        self._random = random.Random(seed)  # noqa: S311 - repeatable faults, no secret
        self._serial = 0

    def control(self, wanted: dict[str, object]) -> dict[str, object]:
        """Change the knobs that are named; ValueError for one that does not exist or fit."""
        current = asdict(self.knobs)
        for name, value in wanted.items():
            if name not in current:
                raise ValueError(f"没有这个开关 / no such knob: {name}")
            kind = type(current[name])
            if isinstance(value, bool) != (kind is bool) or not isinstance(value, int | float):
                raise ValueError(f"{name} 的值不对 / wrong value for {name}")
            current[name] = kind(value)
        self.knobs = Knobs(**current)
        return current

    def stats(self) -> dict[str, int]:
        """Counts since the start."""
        with self._lock:
            return {**self.counts, "receipts_waiting": len(self.receipts)}

    def send_sms(self, method: str, params: dict[str, str]) -> tuple[int, dict[str, str]]:
        """HTTP status and JSON answer; raises NoAnswer."""
        knobs = self.knobs
        if knobs.down:
            self.count("dropped")
            raise NoAnswer
        slow_s = knobs.slow_ms / 1000 + (1.0 if params.get("PhoneNumbers") == _SLOW else 0.0)
        if slow_s:
            time.sleep(slow_s)
        with self._lock:
            self.counts["calls"] += 1
            code, reference = self._decide(method, params)
            self.counts[f"code:{code}"] += 1
            lost = code == "OK" and self.knobs.lose_next > 0
            if lost:
                self.knobs.lose_next -= 1
                self.counts["answers_lost"] += 1
        if lost:
            raise NoAnswer
        answer = {"Code": code, "Message": _MESSAGES[code], "RequestId": str(uuid4()).upper()}
        if reference is not None:
            answer["BizId"] = reference
        return _HTTP_STATUS.get(code, 200), answer

    def _decide(self, method: str, params: dict[str, str]) -> tuple[str, str | None]:
        refused = self._authenticate(method, params) or self._validate(params)
        if refused is not None:
            return refused, None
        phone, out_id = params["PhoneNumbers"], params.get("OutId") or str(uuid4())
        known = self._accepted.get(out_id)
        if known is not None:
            self.counts["duplicates"] += 1
            return "OK", known
        refused = self._trouble(phone, out_id)
        if refused is not None:
            return refused, None
        self._serial += 1
        reference = f"{int(time.time() * 1000)}{self._serial:06d}^0"
        _remember(self._accepted, out_id, reference)
        self.counts["accepted"] += 1
        if self._reports and phone != _SILENT:
            due = time.monotonic() + self.knobs.receipt_delay_ms / 1000
            self.receipts.append((due, _receipt(phone, out_id, reference)))
        return "OK", reference

    def _authenticate(self, method: str, params: dict[str, str]) -> str | None:
        if params.get("AccessKeyId") != self._access_key_id:
            return "InvalidAccessKeyId.NotFound"
        unsigned = {name: text for name, text in params.items() if name != "Signature"}
        expected = _signature(method, unsigned, self._secret)
        if not hmac.compare_digest(expected, params.get("Signature", "")):
            return "SignatureDoesNotMatch"
        if not _is_recent(params.get("Timestamp", "")):
            return "InvalidTimeStamp.Expired"
        nonce = params.get("SignatureNonce", "")
        if not nonce or nonce in self._nonces:
            return "SignatureNonceUsed"
        _remember(self._nonces, nonce, None)
        if params.get("Action") != "SendSms" or params.get("Version") != "2017-05-25":
            return "InvalidAction.NotFound"
        return None

    def _validate(self, params: dict[str, str]) -> str | None:
        if any(not params.get(name) for name in _NEEDED):
            return "isv.INVALID_PARAMETERS"
        try:
            variables = json.loads(params.get("TemplateParam") or "{}")
        except ValueError:
            return "isv.INVALID_JSON_PARAM"
        if not isinstance(variables, dict):
            return "isv.INVALID_JSON_PARAM"
        phone = params["PhoneNumbers"]
        is_mobile = len(phone) == 11 and phone.isascii() and phone.isdigit() and phone[0] == "1"
        return None if is_mobile else "isv.MOBILE_NUMBER_ILLEGAL"

    def _trouble(self, phone: str, out_id: str) -> str | None:
        if self.knobs.fail_next > 0:
            self.knobs.fail_next -= 1
            return "isp.SYSTEM_ERROR"
        chance = self._random.random()
        if chance < self.knobs.fail_ratio:
            return "isp.SYSTEM_ERROR"
        if chance < self.knobs.fail_ratio + self.knobs.throttle_ratio:
            return "isv.BUSINESS_LIMIT_CONTROL"
        if phone == _FAILS_ONCE and out_id not in self._failed_once:
            _remember(self._failed_once, out_id, None)
            return "isp.GATEWAY_ERROR"
        return _REFUSED.get(phone)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a count of /stats."""
        with self._lock:
            self.counts[name] += by

    def take_receipts(self) -> list[dict[str, object]]:
        """Up to RECEIPT_BATCH_MAX receipts that are due."""
        now = time.monotonic()
        batch: list[dict[str, object]] = []
        with self._lock:
            while self.receipts and self.receipts[0][0] <= now and len(batch) < RECEIPT_BATCH_MAX:
                batch.append(self.receipts.popleft()[1])
        return batch


def _receipt(phone: str, out_id: str, reference: str) -> dict[str, object]:
    failed = _REPORTED_FAILED.get(phone)
    now = datetime.now(_CHINA).strftime("%Y-%m-%d %H:%M:%S")
    return {
        "phone_number": phone,
        "send_time": now,
        "report_time": now,
        "success": failed is None,
        "err_code": failed or "DELIVERED",
        "err_msg": "接收失败" if failed else "用户接收成功",
        "sms_size": "1",
        "biz_id": reference,
        "out_id": out_id,
    }


def _is_recent(timestamp: str) -> bool:
    try:
        at = datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(datetime.now(UTC) - at) <= CLOCK_SKEW


def _signature(method: str, params: dict[str, str], secret: str) -> str:
    # Written out again here on purpose: the vendor must not check our client with its own code.
    pairs = [f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in sorted(params.items())]
    text = "&".join((method, "%2F", quote("&".join(pairs), safe="~")))
    digest = hmac.new((secret + "&").encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def _remember(known: OrderedDict[str, Value], name: str, value: Value) -> None:
    known[name] = value
    if len(known) > REMEMBERED_MAX:
        known.popitem(last=False)
