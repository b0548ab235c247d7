"""Looks at a running compose stack; standard library only.

`checks.py containers` reads `docker inspect` of all containers on standard input: who they run as
and what they may do. `checks.py stack` runs inside the stack's networks: what the gateway answers,
and whether Prometheus sees every process and no alert. Prints each fault; exit code 1 if any.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from email.message import Message
from typing import Any

GATEWAY = "http://gateway:8080"
PROMETHEUS = "http://prometheus:9090"
SEEN_WITHIN_S = 90.0
PROCESSES = frozenset(
    {f"{service}-{part}" for service in ("intake", "points", "partners", "notify")
     for part in ("web", "worker")}
    | {"rabbitmq", "gateway", "prometheus"}
)  # fmt: skip
# What dashboards and alerts ask of the broker: both 3.10 and 4.0 have these.
BROKER_METRICS = frozenset(
    {
        "rabbitmq_alarms_free_disk_space_watermark",
        "rabbitmq_alarms_memory_used_watermark",
        "rabbitmq_channels",
        "rabbitmq_connections",
        "rabbitmq_detailed_queue_consumers",
        "rabbitmq_detailed_queue_messages_ready",
        "rabbitmq_detailed_queue_messages_unacked",
        "rabbitmq_disk_space_available_bytes",
        "rabbitmq_disk_space_available_limit_bytes",
        "rabbitmq_global_messages_delivered_total",
        "rabbitmq_global_messages_received_total",
        "rabbitmq_global_messages_redelivered_total",
        "rabbitmq_global_messages_unroutable_returned_total",
        "rabbitmq_process_resident_memory_bytes",
        "rabbitmq_resident_memory_limit_bytes",
    }
)
SAFETY_HEADERS = ("Content-Security-Policy", "X-Content-Type-Options", "X-Request-ID")
OWN_PATHS = {
    "/": "intake",
    "/intake/docs": "intake",
    "/points/docs": "points",
    "/partners/docs": "partners",
    "/notify/docs": "notify",
}
BODY_LIMIT_BYTES = 1024 * 1024


def container_faults(container: Mapping[str, Any]) -> Iterator[str]:
    """What a container may that it should not."""
    host, name = container["HostConfig"], container["Name"].lstrip("/")
    user = str(container["Config"]["User"])
    if user.partition(":")[0] in {"", "0", "root"}:
        yield f"{name} runs as root"
    if not host["ReadonlyRootfs"]:
        yield f"{name} can write to its root file system"
    if host["Privileged"] or host["CapAdd"] or host["CapDrop"] != ["ALL"]:
        yield f"{name} keeps capabilities"
    if not any(option.startswith("no-new-privileges") for option in host["SecurityOpt"] or ()):
        yield f"{name} may gain privileges"
    if not (host["Memory"] and host["NanoCpus"] and host["PidsLimit"]):
        yield f"{name} lacks a limit of memory, CPU or processes"
    log = host["LogConfig"]
    if log["Type"] != "local" and "max-size" not in (log["Config"] or {}):
        yield f"{name} logs without limit"
    service = container["Config"]["Labels"]["com.docker.compose.service"]
    if service != "gateway" and any((container["NetworkSettings"]["Ports"] or {}).values()):
        yield f"{name} publishes a port"


def check_containers(containers: list[dict[str, Any]]) -> list[str]:
    """Faults of all containers."""
    if not containers:
        return ["there is no container"]
    return [fault for container in containers for fault in container_faults(container)]


def ask(path: str, **options: Any) -> tuple[int, Message, bytes]:
    """Status, headers and body; a refusal is an answer too."""
    url = path if "://" in path else GATEWAY + path
    request = urllib.request.Request(url, **options)  # noqa: S310 - addresses of our own stack
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - as above
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, refused.read()


def gateway_faults() -> Iterator[str]:
    """What the gateway should answer otherwise."""
    for path, service in OWN_PATHS.items():
        status, headers, _ = ask(path)
        if status != 200:
            yield f"{path} ({service}) answers {status}"
        for name in SAFETY_HEADERS:
            if len(headers.get_all(name) or ()) != 1:
                yield f"{path} has not just one {name}"
    for path in ("/metrics", "/points/metrics", "//metrics", "/x/..%2Fmetrics"):
        if (status := ask(path)[0]) != 404:
            yield f"{path} answers {status}"
    status, headers, _ = ask("/", headers={"X-Request-ID": "a-partner.request_0001"})
    if headers["X-Request-ID"] != "a-partner.request_0001":
        yield "a caller's request id is not kept"
    status, _, body = ask("/events", data=b"x" * (BODY_LIMIT_BYTES + 1))
    if status != 413 or json.loads(body)["status"] != 413:
        yield f"a body over the limit answers {status}"
    status, _, body = ask("/events/%2Fpartners%2Fnobody%2Fnowhere/1")
    if status != 401 or json.loads(body)["status"] != 401:
        yield f"a verdict asked for without a key answers {status}"


def prometheus(path: str) -> Any:
    """The data of an answer of Prometheus' API."""
    return json.loads(ask(f"{PROMETHEUS}/api/v1/{path}")[2])["data"]


def watching_faults() -> list[str]:
    """What Prometheus does not see, or warns of."""
    up = {
        each["metric"]["process"]
        for each in prometheus("query?query=up%3D%3D1")["result"]
        if "process" in each["metric"]
    }
    faults = [f"Prometheus does not reach {process}" for process in sorted(PROCESSES - up)]
    known = set(prometheus("label/__name__/values"))
    faults += [f"the broker has no metric {name}" for name in sorted(BROKER_METRICS - known)]
    firing = {
        each["labels"]["alertname"]
        for each in prometheus("alerts")["alerts"]
        if each["state"] == "firing"
    }
    if "LinliWatchdog" not in firing:
        faults.append("the watchdog does not fire")
    faults += [f"{alert} fires" for alert in sorted(firing - {"LinliWatchdog"})]
    return faults


def check_stack() -> list[str]:
    """Faults of the gateway, and of what is watched once it has had time to be seen."""
    faults = list(gateway_faults())
    until_s = time.monotonic() + SEEN_WITHIN_S
    while (watching := watching_faults()) and time.monotonic() < until_s:
        time.sleep(3)
    return faults + watching


def main(what: str) -> int:
    """The exit code."""
    faults = check_stack() if what == "stack" else check_containers(json.load(sys.stdin))
    for fault in faults:
        print(f"- {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
