"""A local SMS vendor with Aliyun dysmsapi's wire format: `python -m deploy.simulators.sms`.

It sends nothing. It checks the signature, answers as the vendor would and reports what "became"
of each message to --receipt-url, in batches, a little later. An OutId that was accepted before is
answered with its first BizId and counted as a duplicate, not as a second message.

What goes wrong is decided by these rules, in this order:

| rule                                   | what happens                                           |
|----------------------------------------|--------------------------------------------------------|
| POST /control {"down": true}           | the connection is closed without an answer             |
| POST /control {"slow_ms": n}           | every answer is held back n milliseconds               |
| POST /control {"fail_next": n}         | the next n answers are isp.SYSTEM_ERROR                |
| POST /control {"fail_ratio": 0 … 1}    | that share of answers is isp.SYSTEM_ERROR              |
| POST /control {"throttle_ratio": 0 … 1}| that share of answers is isv.BUSINESS_LIMIT_CONTROL    |
| POST /control {"lose_next": n}         | the next n messages are accepted, their answer is lost |
| number 19900000001                     | isv.MOBILE_NUMBER_ILLEGAL                              |
| number 19900000002                     | isv.BUSINESS_LIMIT_CONTROL, always                     |
| number 19900000003                     | accepted; the receipt says MOBILE_NOT_ON_SERVICE       |
| number 19900000004                     | isp.GATEWAY_ERROR the first time, then accepted        |
| number 19900000005                     | accepted after 1 s                                     |
| number 19900000006                     | accepted; no receipt ever comes                        |
| number 19900000007                     | accepted; the receipt says REQUEST_SUCCESS, failed     |

GET /stats counts; GET /control shows the settings; POST /control changes those it names.
Only the standard library is used: about 20 MB. What it remembers is bounded.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import threading
import urllib.request
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, urlsplit

from deploy.simulators.sms_vendor import NoAnswer, Vendor
from shared import config

BODY_BYTES_MAX = 64 * 1024
RECEIPT_TRIES_MAX = 10
RECEIPT_PATH = "/notify/receipts/aliyun"


class Reporter(threading.Thread):
    """Posts receipts until the answer is code 0, RECEIPT_TRIES_MAX times at most."""

    def __init__(self, vendor: Vendor, url: str) -> None:
        super().__init__(name="receipts", daemon=True)
        self._vendor = vendor
        self._url = url
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End after the batch in hand."""
        self._stopping.set()

    def run(self) -> None:
        """Until stopped."""
        while not self._stopping.is_set():
            batch = self._vendor.take_receipts()
            if not batch:
                self._stopping.wait(0.05)
                continue
            taken = self._report(batch)
            self._vendor.count("receipts_sent" if taken else "receipts_given_up", len(batch))

    def _report(self, batch: list[dict[str, object]]) -> bool:
        for tried in range(RECEIPT_TRIES_MAX):
            if _post(self._url, batch):
                return True
            if self._stopping.wait(min(0.2 * 2**tried, 30.0)):
                break
        return False


def _post(url: str, batch: list[dict[str, object]]) -> bool:
    request = urllib.request.Request(  # noqa: S310 - the operator gave the address
        url,
        data=json.dumps(batch, ensure_ascii=False).encode(),
        headers={"Content-Type": "application/json;charset=utf-8"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - as above
            return bool(json.load(response).get("code") == 0)
    except (OSError, ValueError, AttributeError):
        return False


class Face(BaseHTTPRequestHandler):
    """The HTTP face of a vendor."""

    vendor: Vendor  # each server has a subclass of its own
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/stats":
            self._answer(200, self.vendor.stats())
        elif path == "/control":
            self._answer(200, asdict(self.vendor.knobs))
        elif path == "/healthz":
            self._answer(200, {"status": "ok"})
        else:
            self._send("GET", dict(parse_qsl(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= BODY_BYTES_MAX:
            self.close_connection = True
            self._answer(413, {"Code": "TooLarge", "Message": "请求体过大"})
            return
        body = self.rfile.read(length)
        url = urlsplit(self.path)
        if url.path == "/control":
            self._control(body)
            return
        params = dict(parse_qsl(url.query)) | dict(
            parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        )
        self._send("POST", params)

    def _control(self, body: bytes) -> None:
        try:
            self._answer(200, self.vendor.control(json.loads(body)))
        except (ValueError, AttributeError, TypeError) as problem:
            self._answer(400, {"error": str(problem)})

    def _send(self, method: str, params: dict[str, str]) -> None:
        try:
            status, answer = self.vendor.send_sms(method, params)
        except NoAnswer:
            self.close_connection = True
            return
        self._answer(status, answer)

    def _answer(self, status: int, answer: object) -> None:
        body = json.dumps(answer, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Numbers may be in the address: nothing is logged."""


class Simulator:
    """A running vendor; port 0 takes a free one, `port` then tells which."""

    def __init__(
        self,
        *,
        port: int = 0,
        receipt_url: str = "",
        access_key_id: str,
        access_key_secret: str,
        host: str = "127.0.0.1",
    ) -> None:
        self.vendor = Vendor(access_key_id, access_key_secret, reports=bool(receipt_url))
        face = type("OwnFace", (Face,), {"vendor": self.vendor})
        self._server = ThreadingHTTPServer((host, port), face)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._reporter = Reporter(self.vendor, receipt_url) if receipt_url else None

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        """Serve until stopped."""
        if self._reporter is not None:
            self._reporter.start()
        self._server.serve_forever(poll_interval=0.1)

    def stop(self) -> None:
        """Stop serving and reporting."""
        if self._reporter is not None:
            self._reporter.stop()
        self._server.shutdown()
        self._server.server_close()


def main() -> None:
    """Run until interrupted; keys come from the same settings that notify reads."""
    parser = argparse.ArgumentParser(
        prog="deploy.simulators.sms", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--receipt-url",
        default="",
        help="where receipts are posted; default: NOTIFY_SMS_RECEIPT_URL, or notify at"
        " LINLI_PUBLIC_URL. NOTIFY_SMS_RECEIPT_TOKEN is added when it has no query.",
    )
    options = parser.parse_args()
    simulator = Simulator(
        host=options.host,
        port=options.port,
        receipt_url=_receipt_url(options.receipt_url),
        access_key_id=config.read("NOTIFY_SMS_ACCESS_KEY_ID", "simulator"),
        access_key_secret=config.read("NOTIFY_SMS_ACCESS_KEY_SECRET", "simulator"),
    )
    with contextlib.suppress(KeyboardInterrupt):
        simulator.serve()


def _receipt_url(given: str) -> str:
    # The token comes from the settings, so that no process list shows it.
    url = given or config.read("NOTIFY_SMS_RECEIPT_URL", "")
    if not url and (public := config.read("LINLI_PUBLIC_URL", "")):
        url = public.rstrip("/") + RECEIPT_PATH
    token = config.read("NOTIFY_SMS_RECEIPT_TOKEN", "")
    return f"{url}?token={quote(token)}" if url and token and "?" not in url else url


if __name__ == "__main__":
    main()
