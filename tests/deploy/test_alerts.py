"""Every alert is tried at, below and above its limit, without its series, and recovering."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.alert_cases import ALERTS, KINDS, Case
from tests.deploy.promtool import REPO, RULES, promtool


def rules() -> dict[str, dict[str, Any]]:
    """All alert rules by name, each with the file it is in."""
    found: dict[str, dict[str, Any]] = {}
    for path in RULES:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                assert rule["alert"] not in found, f"{rule['alert']} is there twice"
                found[rule["alert"]] = {**rule, "file": str(path)}
    return found


def question(alert: str, case: Case) -> dict[str, Any]:
    """A case in promtool's form: which alerts of this name fire, by their own labels."""
    firing = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
    return {
        "name": f"{alert} {case.kind}",
        "interval": "1m",
        "input_series": [{"series": k, "values": v} for k, v in case.series.items()],
        "promql_expr_test": [
            {
                "expr": f"sum without (alertname, alertstate, severity) ({firing})",
                "eval_time": f"{case.minute}m",
                "exp_samples": [{"labels": labels, "value": 1} for labels in case.fires],
            }
        ],
    }


def test_the_rules_are_valid() -> None:
    answer = promtool("check", "rules", *map(str, RULES))
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_alert_has_all_five_cases() -> None:
    assert set(ALERTS) == set(rules())
    for alert, asked in ALERTS.items():
        assert {case.kind for case in asked} == set(KINDS), alert


@pytest.mark.parametrize("alert", ALERTS)
def test_alert(alert: str, tmp_path: Path) -> None:
    tests = [question(alert, case) for case in ALERTS[alert]]
    file = tmp_path / "tests.yml"
    file.write_text(
        yaml.safe_dump(
            {"rule_files": [rules()[alert]["file"]], "evaluation_interval": "1m", "tests": tests}
        ),
        encoding="utf-8",
    )
    answer = promtool("test", "rules", str(file))
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("alert", sorted(rules()))
def test_alert_leads_to_a_runbook_in_both_languages(alert: str) -> None:
    rule = rules()[alert]
    assert rule["labels"]["severity"] in {"page", "ticket", "none"}
    assert {"summary", "summary_en", "runbook"} == set(rule["annotations"])
    page = REPO / rule["annotations"]["runbook"]
    assert page == REPO / f"docs/runbooks/{alert}.md"
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {alert}\n")
    for heading in ("## 含义", "## 处理", "## Meaning", "## What to do"):
        assert heading in text, f"{page} lacks {heading}"


def test_no_runbook_without_its_alert() -> None:
    pages = {page.stem for page in (REPO / "docs/runbooks").glob("Linli*.md")}
    assert pages == set(rules())
