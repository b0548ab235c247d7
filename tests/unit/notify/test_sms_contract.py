"""Our client and the vendor's wire format: against recorded exchanges, and the simulator."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import requests

from deploy.simulators.sms import Simulator
from services.notify import clients
from services.notify.clients import AliyunSms, Sms, sign
from services.notify.rules import NOT_UNDERSTOOD, TIMED_OUT, UNREACHABLE, Disposition, disposition

KEY_ID, SECRET = "test-key", "test-secret"
RECORDED = json.loads((Path(__file__).parent / "recorded_sms.json").read_text(encoding="utf-8"))


def client(port: int, *, secret: str = SECRET) -> AliyunSms:
    return AliyunSms(
        url=f"http://127.0.0.1:{port}",
        access_key_id=KEY_ID,
        access_key_secret=secret,
        sign_name="邻里",
    )


def sms(phone: str = "13911112222", out_id: str = "d-1") -> Sms:
    return Sms(phone, "SMS_LINLI_RECEIPT_ZH", {"request_no": "Q 1&+/号"}, out_id)


class Recording:
    """A server that answers with one recorded answer and keeps what it was asked."""

    def __init__(self, status: int, body: bytes, *, slow_s: float = 0) -> None:
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []
        outer = self

        class Face(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                fields = dict(parse_qsl(self.rfile.read(length).decode(), strict_parsing=True))
                outer.asked.append((self.path, dict(self.headers), fields))
                time.sleep(slow_s)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Face)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def recording() -> Iterator[Callable[..., Recording]]:
    made: list[Recording] = []

    def make(status: int, body: bytes, **more: float) -> Recording:
        made.append(Recording(status, body, **more))
        return made[-1]

    yield make
    for one in made:
        one.server.shutdown()
        one.server.server_close()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    running = Simulator(access_key_id=KEY_ID, access_key_secret=SECRET)
    running.start()
    yield running
    running.stop()


def test_signature_of_the_published_example() -> None:
    example = RECORDED["signature"]
    assert sign(example["method"], example["params"], example["secret"]) == example["signature"]


@pytest.mark.parametrize("name", sorted(RECORDED["answers"]))
def test_recorded_answers(name: str, recording: Callable[..., Recording]) -> None:
    exchange = RECORDED["answers"][name]
    server = recording(exchange["status"], json.dumps(exchange["body"]).encode())
    answer = client(server.port).send(sms())
    assert (answer.code, answer.provider_ref) == (exchange["code"], exchange["biz_id"])
    assert disposition(answer.code) == exchange["means"]


def test_request_has_the_recorded_form(recording: Callable[..., Recording]) -> None:
    server = recording(200, b"{}")
    client(server.port).send(sms())
    ((path, headers, fields),) = server.asked
    assert path == "/"  # nothing personal where an access log would keep it
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert set(fields) == set(RECORDED["request_fields"])
    assert {name: fields[name] for name in RECORDED["request_constants"]} == RECORDED[
        "request_constants"
    ]
    assert json.loads(fields["TemplateParam"]) == {"request_no": "Q 1&+/号"}
    signature = fields.pop("Signature")
    assert signature == sign("POST", fields, SECRET)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"Code": 5}', b'{"Code": ""}'])
def test_nonsense_is_tried_again(body: bytes, recording: Callable[..., Recording]) -> None:
    answer = client(recording(200, body).port).send(sms())
    assert answer.code == NOT_UNDERSTOOD
    assert disposition(answer.code) is Disposition.RETRY


def test_redirects_are_not_followed(recording: Callable[..., Recording]) -> None:
    assert client(recording(307, b"").port).send(sms()).code == NOT_UNDERSTOOD


def test_slow_vendor(recording: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "READ_TIMEOUT_S", 0.1)
    assert client(recording(200, b"{}", slow_s=0.5).port).send(sms()).code == TIMED_OUT


def test_nobody_there(simulator: Simulator) -> None:
    gone = Recording(200, b"{}")
    gone.server.shutdown()
    gone.server.server_close()
    assert client(gone.port).send(sms()).code == UNREACHABLE


# The same suite against the simulator.


def test_simulator_accepts_and_knows_an_out_id_again(simulator: Simulator) -> None:
    ours = client(simulator.port)
    first, again, other = ours.send(sms()), ours.send(sms()), ours.send(sms(out_id="d-2"))
    assert first.code == again.code == "OK"
    assert first.provider_ref == again.provider_ref != other.provider_ref
    stats = simulator.vendor.stats()
    assert (stats["accepted"], stats["duplicates"]) == (2, 1)


def test_simulator_refuses_a_wrong_key(simulator: Simulator) -> None:
    assert client(simulator.port, secret="wrong").send(sms()).code == "SignatureDoesNotMatch"
    assert simulator.vendor.stats().get("accepted", 0) == 0


def test_simulator_refuses_a_replayed_request(simulator: Simulator) -> None:
    fields = client(simulator.port)._signed(sms())
    url = f"http://127.0.0.1:{simulator.port}/"
    codes = [requests.post(url, data=fields, timeout=30).json()["Code"] for _ in range(2)]
    assert codes == ["OK", "SignatureNonceUsed"]


def test_simulator_takes_get_as_the_vendor_does(simulator: Simulator) -> None:
    fields = client(simulator.port)._signed(sms())
    fields.pop("Signature")
    fields["Signature"] = sign("GET", fields, SECRET)
    answer = requests.get(f"http://127.0.0.1:{simulator.port}/", params=fields, timeout=30).json()
    assert set(answer) == {"Code", "Message", "RequestId", "BizId"}
    assert answer["Code"] == "OK"


@pytest.mark.parametrize(
    ("phone", "codes"),
    [
        ("19900000001", ["isv.MOBILE_NUMBER_ILLEGAL"] * 2),
        ("19900000002", ["isv.BUSINESS_LIMIT_CONTROL"] * 2),
        ("19900000004", ["isp.GATEWAY_ERROR", "OK"]),
        ("12345", ["isv.MOBILE_NUMBER_ILLEGAL"] * 2),
    ],
)
def test_simulator_rules_by_number(simulator: Simulator, phone: str, codes: list[str]) -> None:
    ours = client(simulator.port)
    assert [ours.send(sms(phone)).code for _ in codes] == codes


def test_simulator_knobs(simulator: Simulator) -> None:
    url, ours = f"http://127.0.0.1:{simulator.port}/control", client(simulator.port)

    def knob(**wanted: object) -> int:
        return requests.post(url, json=wanted, timeout=30).status_code

    assert knob(fail_next=1, lose_next=1) == 200
    assert ours.send(sms()).code == "isp.SYSTEM_ERROR"
    assert ours.send(sms()).code == UNREACHABLE  # taken, but the answer is lost
    assert ours.send(sms()).code == "OK"
    assert simulator.vendor.stats()["accepted"] == 1
    assert knob(down=True) == 200
    assert ours.send(sms(out_id="d-2")).code == UNREACHABLE
    assert knob(down=False, throttle_ratio=1.0) == 200
    assert ours.send(sms(out_id="d-2")).code == "isv.BUSINESS_LIMIT_CONTROL"
    assert knob(throttle_ratio=0, fail_ratio=1) == 200
    assert ours.send(sms(out_id="d-2")).code == "isp.SYSTEM_ERROR"
    assert knob(no_such_knob=1) == knob(down=1) == knob(slow_ms="x") == 400


def test_simulator_reports_in_batches_until_taken() -> None:
    received: list[list[dict[str, object]]] = []
    refusals = [b"oops", b'{"code": 1}']

    class Face(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.append(body)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(refusals.pop() if refusals else b'{"code": 0}')

        def log_message(self, *args: object) -> None:
            pass

    hook = HTTPServer(("127.0.0.1", 0), Face)
    threading.Thread(target=hook.serve_forever, args=(0.05,), daemon=True).start()
    running = Simulator(
        access_key_id=KEY_ID,
        access_key_secret=SECRET,
        receipt_url=f"http://127.0.0.1:{hook.server_address[1]}/receipts?token=t",
    )
    running.start()
    try:
        ours = client(running.port)
        for number in range(4):
            ours.send(sms(out_id=f"d-{number}"))
        ours.send(sms("19900000003", "d-bad"))
        ours.send(sms("19900000006", "d-silent"))
        deadline = time.monotonic() + 60
        while running.vendor.stats().get("receipts_sent", 0) < 5 and time.monotonic() < deadline:
            time.sleep(0.05)
        taken = {str(one["out_id"]): one for batch in received[2:] for one in batch}
        assert set(taken) == {"d-0", "d-1", "d-2", "d-3", "d-bad"}
        assert set(taken["d-0"]) == set(RECORDED["receipt_fields"])
        assert (taken["d-0"]["success"], taken["d-bad"]["success"]) == (True, False)
        assert received[0] == received[1] == received[2]
    finally:
        running.stop()
        hook.shutdown()
        hook.server_close()
