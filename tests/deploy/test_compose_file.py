"""The compose file keeps its promises: nobody is root, all is limited, one port is published."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.promtool import REPO

COMPOSE: dict[str, Any] = yaml.safe_load((REPO / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ROOMS = ("intake", "points", "partners", "notify")
LONG_RUNNING = [name for name, each in SERVICES.items() if each["restart"] != "no"]
DOCKERFILES = sorted((REPO / "deploy/docker").glob("*.Dockerfile"))


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["user"].split(":")[0] not in {"0", "root"}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["cpus"]
    assert service["pids_limit"]
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_a_service_says_when_it_is_healthy_and_has_time_to_stop(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert service["stop_grace_period"]


def test_every_service_has_a_web_and_a_worker_that_wait_for_set_up() -> None:
    for room in ROOMS:
        for part in ("web", "worker"):
            service = SERVICES[f"{room}-{part}"]
            assert service["command"] == [part, room]
            waits = {name: each["condition"] for name, each in service["depends_on"].items()}
            assert waits == {
                "rabbitmq": "service_healthy",
                "postgres": "service_healthy",
                "migrate": "service_completed_successfully",
                "topology": "service_completed_successfully",
            }


def test_workers_have_longer_to_stop_than_a_task_may_take() -> None:
    from shared.messaging.tasks import TIME_LIMIT_MS  # noqa: PLC0415

    for room in ROOMS:
        grace_s = int(SERVICES[f"{room}-worker"]["stop_grace_period"].removesuffix("s"))
        assert grace_s * 1000 > TIME_LIMIT_MS


def test_only_the_gateway_publishes_a_port() -> None:
    assert [name for name, each in SERVICES.items() if "ports" in each] == ["gateway"]


def test_broker_and_database_are_in_the_inner_network_only() -> None:
    assert COMPOSE["networks"]["back"]["internal"] is True
    for name in ("rabbitmq", "postgres"):
        assert SERVICES[name]["networks"] == ["back"]
    outside = {
        name for name, each in COMPOSE["networks"].items() if not (each or {}).get("internal")
    }
    reach = {name for name, each in SERVICES.items() if outside & set(each["networks"])}
    assert reach == {"gateway", "notify-worker", "points-worker"}


def test_secrets_are_files_that_the_script_makes(tmp_path: Path) -> None:
    import subprocess  # noqa: PLC0415

    script = REPO / "deploy/docker/secrets.sh"
    made = tmp_path / "secrets"
    for _ in range(2):
        subprocess.run([script, made], check=True, capture_output=True)
    before = {path.name: path.read_text() for path in made.iterdir()}
    assert set(before) == set(COMPOSE["secrets"])
    assert all(len(value) >= 40 and "\n" not in value for value in before.values())
    assert made.stat().st_mode & 0o777 == 0o700
    (made / "contact_key").unlink()
    subprocess.run([script, made], check=True, capture_output=True)
    after = {path.name: path.read_text() for path in made.iterdir()}
    assert {name for name in after if after[name] != before[name]} == {"contact_key"}


@pytest.mark.parametrize("name", SERVICES)
def test_no_password_is_in_the_file_and_only_needed_secrets_are_given(name: str) -> None:
    service = SERVICES[name]
    environment: dict[str, str] = service.get("environment") or {}
    given = set(service.get("secrets") or ())
    assert given <= set(COMPOSE["secrets"])
    used = {
        value.removeprefix("/run/secrets/")
        for value in environment.values()
        if value.startswith("/run/secrets/")
    }
    assert used == given
    for setting, value in environment.items():
        if re.search(r"PASSWORD|SECRET|TOKEN|_KEY|DATABASE_URL|BROKER_URL|MANAGEMENT_URL", setting):
            assert setting.endswith("FILE"), f"{setting} is not a file"
            assert value.startswith("/run/secrets/")


def test_a_service_knows_only_its_own_database_and_keys() -> None:
    for room in ROOMS:
        for part in ("web", "worker"):
            given = set(SERVICES[f"{room}-{part}"]["secrets"])
            others = [other for other in ROOMS if other != room]
            assert not [name for name in given if name.startswith(tuple(f"{o}_" for o in others))]
            assert not [name for name in given if "owner" in name]
    administer = {
        name
        for name, each in SERVICES.items()
        if "rabbitmq_management_url" in each.get("secrets", ())
    }
    assert administer == {"topology", "partners-web", "partners-worker", "linli", "linli-play"}


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.stem)
def test_images_are_not_root_and_start_from_the_one_base(dockerfile: Path) -> None:
    text = dockerfile.read_text(encoding="utf-8")
    assert "ARG BASE=linli-base:trixie" in text
    users = re.findall(r"^USER (\S+)", text, re.MULTILINE)
    assert users
    assert users[-1] not in {"root", "0"}


def test_prometheus_scrapes_every_process_that_an_alert_expects() -> None:
    config = yaml.safe_load((REPO / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    scraped = {
        name
        for job in config["scrape_configs"]
        for found in job.get("dns_sd_configs", ())
        for name in found["names"]
    }
    assert scraped == {f"{room}-{part}" for room in ROOMS for part in ("web", "worker")} | {
        "rabbitmq",
        "gateway",
    }
    rule = (REPO / "deploy/prometheus/rules/processes.yml").read_text(encoding="utf-8")
    assert set(re.findall(r'up\{process="([^"]+)"', rule)) == scraped
    assert scraped <= set(SERVICES)


def test_no_address_of_a_registry_or_mirror_is_written_down() -> None:
    files = [REPO / "docker-compose.yml", *(REPO / "deploy/docker").iterdir()]
    for path in files:
        if path.is_file():
            for host in re.findall(
                r"[\w-]+(?:\.[\w-]+)*\.(?:org|com|io|net|cn)\b", path.read_text()
            ):
                assert host == "docker.io", f"{path.name} names {host}"
