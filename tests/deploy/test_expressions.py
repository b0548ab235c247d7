"""Every expression of a dashboard or an alert parses, and asks only for metrics that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from deploy.docker.checks import BROKER_METRICS
from shared import metrics
from tests.deploy.promtool import REPO, RULES, promtool

DASHBOARDS = sorted((REPO / "deploy/grafana/dashboards").glob("*.json"))

# Not ours: Prometheus' own, the Python client's of a worker, and RabbitMQ's. `make test-compose`
# looks for each of the latter in a running broker.
OTHERS = frozenset({"ALERTS", "up", "process_resident_memory_bytes"}) | BROKER_METRICS
_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "inf", "nan"})
_STRINGS = re.compile(r'"(?:\\.|[^"\\])*"')
_MATCHERS = re.compile(r"\{[^}]*\}")
_RANGES = re.compile(r"\[[^\]]*\]|\boffset\s+\w+")
_GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAMES = re.compile(r"(?<![\w.])[a-zA-Z_:][\w:]*(?!\w|\s*\()")
_LABELS = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')


def named_in(expression: str) -> set[str]:
    """The metrics an expression asks for: names that are neither words, functions nor labels."""
    text = _STRINGS.sub('""', expression)
    for noise in (_MATCHERS, _RANGES, _GROUPING):
        text = noise.sub(" ", text)
    return {name for name in _NAMES.findall(text) if name.lower() not in _WORDS}


def declared() -> dict[str, set[str]]:
    """Our metrics by the names of their series, each with its labels."""
    found: dict[str, set[str]] = {}
    for name in metrics.__all__:
        metric: Any = getattr(metrics, name)
        if not hasattr(metric, "_labelnames"):
            continue
        labels = set(metric._labelnames)
        (family,) = metric.describe() if hasattr(metric, "describe") else metric.collect()
        endings = {
            "counter": ("_total",),
            "gauge": ("",),
            "histogram": ("_bucket", "_count", "_sum"),
        }[family.type]
        for ending in endings:
            found[family.name + ending] = labels | ({"le"} if ending == "_bucket" else set())
    return found


def panels(dashboard: Path) -> Iterator[dict[str, Any]]:
    yield from json.loads(dashboard.read_text(encoding="utf-8"))["panels"]


def expressions() -> list[tuple[str, str]]:
    """(where, expression) of all rules and panels."""
    found = []
    for path in RULES:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            found += [(f"{path.name} {rule['alert']}", rule["expr"]) for rule in group["rules"]]
    for path in DASHBOARDS:
        found += [
            (f"{path.name} {panel['title']}", target["expr"])
            for panel in panels(path)
            for target in panel["targets"]
        ]
    return found


def test_there_is_something_to_check() -> None:
    assert len(expressions()) > 60
    assert {"linli_verdicts_total", "linli_task_wait_seconds_bucket"} <= set(declared())


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (le, a) (rate(x_bucket{b="c{d}"}[5m])) > 0.2', {"x_bucket"}),
        ("max(time() - (x > 0)) or vector(0)", {"x"}),
        ('label_replace(absent(up{p="q"} == 1), "a", "b", "", "") and on (c) y', {"up", "y"}),
        ("(x unless x offset 15m) > 1e3", {"x"}),
    ],
)
def test_names_are_told_from_functions_labels_and_words(expression: str, names: set[str]) -> None:
    assert named_in(expression) == names


@pytest.mark.parametrize(("where", "expression"), expressions())
def test_metrics_and_their_labels_exist(where: str, expression: str) -> None:
    ours = declared()
    names = named_in(expression)
    assert not names - set(ours) - OTHERS, where
    known = {"process", "job", "instance", "alertstate", "alertname", "queue", "vhost"}
    for name, matchers in re.findall(r"(linli_\w+)\{([^}]*)\}", expression):
        asked = set(_LABELS.findall(matchers))
        assert asked <= ours[name] | known, f"{where}: {name} has no label {asked - ours[name]}"
    labels = set().union(*(ours[name] for name in names & set(ours)))
    if names <= set(ours):
        for grouping in re.findall(r"\bby\s*\(([^)]*)\)", expression):
            asked = {label.strip() for label in grouping.split(",")}
            assert asked <= labels, f"{where}: no label {asked - labels}"


def test_every_expression_parses(tmp_path: Path) -> None:
    file = tmp_path / "all.yml"
    rules = [
        {"record": f"check:{place}", "expr": expression}
        for place, (_, expression) in enumerate(expressions())
    ]
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}), encoding="utf-8")
    answer = promtool("check", "rules", str(file))
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_metric_we_declare_is_shown_or_watched() -> None:
    asked = set().union(*(named_in(expression) for _, expression in expressions()))
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in asked}
    ours = {re.sub(r"_(bucket|count|sum)$", "", name) for name in declared()}
    assert not ours - families


def test_no_other_metric_is_registered_under_our_prefix() -> None:
    # A metric made outside shared/metrics would escape the checks above.
    named = {
        family.name for family in REGISTRY.collect() if family.name.startswith("linli_")
    }  # counters are named without their ending here
    assert named <= {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in declared()}


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_can_be_provisioned(dashboard: Path) -> None:
    text = json.loads(dashboard.read_text(encoding="utf-8"))
    assert text["uid"].startswith("linli-")
    ids = [panel["id"] for panel in panels(dashboard)]
    assert len(ids) == len(set(ids))
    for panel in panels(dashboard):
        assert " / " in panel["title"] or panel["title"] == "5xx"
        assert panel["datasource"]["uid"] == "prometheus"
        assert {"x", "y", "w", "h"} == set(panel["gridPos"])
