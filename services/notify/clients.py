"""The SMS vendor: the Protocol that tasks know, and Aliyun's dysmsapi behind it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote
from uuid import uuid4

import orjson
import requests

from services.notify.rules import NOT_UNDERSTOOD, TIMED_OUT, UNREACHABLE
from shared import clock

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 5.0
ANSWER_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class Sms:
    """One message. `out_id` is the delivery's id: the same for every attempt at it.

    Never shown by repr, because of the number.
    """

    phone: str
    template_code: str
    params: Mapping[str, str]
    out_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`code` is the vendor's, or one of rules' `linli.*` when it gave none."""

    code: str
    provider_ref: str | None


class SmsGateway(Protocol):
    """Whoever takes an SMS from us."""

    def send(self, sms: Sms) -> Answer:
        """Hand over one message; never raises for what the network or the vendor does."""


def sign(method: str, params: Mapping[str, str], secret: str) -> str:
    """Aliyun's RPC signature (HMAC-SHA1, base64) of all parameters but the signature itself."""
    canonical = "&".join(f"{_escape(name)}={_escape(params[name])}" for name in sorted(params))
    text = f"{method}&{_escape('/')}&{_escape(canonical)}"
    digest = hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def _escape(text: str) -> str:
    return quote(text, safe="-_.~")


class AliyunSms:
    """dysmsapi 2017-05-25, action SendSms; parameters go in the body, out of any access log.

    The vendor answers 200 to much that it refuses: only `Code` counts. It does not promise to
    recognise an OutId it has seen, so an answer lost on the way may cost a second message.
    """

    def __init__(
        self, *, url: str, access_key_id: str, access_key_secret: str, sign_name: str
    ) -> None:
        self._url = url
        self._access_key_id = access_key_id
        self._secret = access_key_secret
        self._sign_name = sign_name
        self._of_thread = threading.local()  # requests' sessions are not made for several

    def send(self, sms: Sms) -> Answer:
        """Post one message; connect within 3 s, each read within 5 s."""
        try:
            with self._session().post(
                self._url,
                data=self._signed(sms),
                timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = response.raw.read(ANSWER_BYTES_MAX, decode_content=True)
        except requests.ConnectTimeout:
            return Answer(UNREACHABLE, None)
        except requests.Timeout:
            return Answer(TIMED_OUT, None)
        except (requests.RequestException, OSError):
            return Answer(UNREACHABLE, None)
        except Exception as problem:  # noqa: BLE001 - urllib3 raises its own kinds while reading
            logger.warning("sms answer lost", extra={"reason": type(problem).__name__})
            return Answer(TIMED_OUT, None)
        return _answer(body)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._of_thread, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # no proxy or netrc of the machine's behind our back
            self._of_thread.session = session
        return session

    def _signed(self, sms: Sms) -> dict[str, str]:
        params = {
            "Action": "SendSms",
            "Version": "2017-05-25",
            "RegionId": "cn-hangzhou",
            "Format": "JSON",
            "AccessKeyId": self._access_key_id,
            "SignatureMethod": "HMAC-SHA1",
            "SignatureVersion": "1.0",
            "SignatureNonce": str(uuid4()),
            "Timestamp": clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "PhoneNumbers": sms.phone,
            "SignName": self._sign_name,
            "TemplateCode": sms.template_code,
            "TemplateParam": orjson.dumps(dict(sms.params)).decode(),
            "OutId": sms.out_id,
        }
        params["Signature"] = sign("POST", params, self._secret)
        return params


def _answer(body: bytes) -> Answer:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Answer(NOT_UNDERSTOOD, None)
    code = answer.get("Code") if isinstance(answer, dict) else None
    if not isinstance(code, str) or not 1 <= len(code) <= 100:
        return Answer(NOT_UNDERSTOOD, None)
    reference = answer.get("BizId")
    return Answer(code, reference[:100] if isinstance(reference, str) and reference else None)
