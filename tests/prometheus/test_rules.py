"""The rules hold what docs/prometheus.md promises: every alert is tested, every name in them exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from clauditor.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
RULES = sorted((ROOT / "prometheus" / "rules").glob("*.yml"))
CONFIG = ROOT / "prometheus" / "prometheus.yml"
CASES = HERE / "alerts.yml"
PAGE = ROOT / "docs" / "prometheus.md"

promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def rules() -> list[dict[str, Any]]:
    return [
        rule
        for path in RULES
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]


def cases(alert: str) -> list[dict[str, Any]]:
    return [
        test
        for test in yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]
        if test["name"].startswith(f"{alert}: ")
    ]


ALERTS = [rule for rule in rules() if "alert" in rule]
RECORDS = [rule for rule in rules() if "record" in rule]


def ask(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@promtool
def test_configuration_and_rules_are_sound() -> None:
    ask("check", "config", "--syntax-only", CONFIG)
    ask("check", "rules", "--lint-fatal", *RULES)


@promtool
@pytest.mark.parametrize("path", sorted(HERE.glob("*.yml")), ids=lambda path: path.stem)
def test_rules_do_what_their_tests_say(path: Path) -> None:
    ask("test", "rules", path)


def test_the_configuration_loads_every_rule_file() -> None:
    (pattern,) = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["rule_files"]
    assert sorted(CONFIG.parent.glob(pattern)) == RULES


def test_the_job_has_the_name_that_the_rules_ask_for() -> None:
    example = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for text in (CONFIG.read_text(encoding="utf-8"), *example):
        (job,) = yaml.safe_load(text)["scrape_configs"]
        assert {job["job_name"]} == set(re.findall(r'job="(\w+)"', "".join(rule["expr"] for rule in rules())))
    assert example


def test_the_compose_stack_hands_prometheus_the_configuration_and_its_rules() -> None:
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"][
        "prometheus"
    ]
    assert "--config.file=/etc/prometheus/prometheus.yml" in service["command"]
    assert "./prometheus:/etc/prometheus:ro" in service["volumes"]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_is_shown_to_fire_to_resolve_and_to_be_silent_on_a_near_miss(
    alert: dict[str, Any],
) -> None:
    evaluations = {test["name"]: test["alert_rule_test"] for test in cases(alert["alert"])}
    for found in evaluations.values():
        assert {each["alertname"] for each in found} == {alert["alert"]}
    fired = {name: [bool(each["exp_alerts"]) for each in found] for name, found in evaluations.items()}
    assert [True, False] in [seen[-2:] for seen in fired.values()], "it fires, then resolves"
    near = [seen for name, seen in fired.items() if ": near miss: " in name]
    assert near
    assert not any(any(seen) for seen in near)


@pytest.mark.parametrize("rule", [*ALERTS, *RECORDS], ids=lambda rule: rule.get("alert") or rule["record"])
def test_every_metric_named_by_a_rule_exists(rule: dict[str, Any]) -> None:
    exposed = set()
    for family, kind in re.findall(
        r"^# TYPE (\S+) (\S+)$", Metrics(version="0").render().decode(), re.MULTILINE
    ):
        exposed |= (
            {family + end for end in ("_bucket", "_sum", "_count")} if kind == "histogram" else {family}
        )
    known = exposed | {record["record"] for record in RECORDS}
    asked = set(re.findall(r"clauditor[_:][\w:]+", rule["expr"]))
    assert asked or "up{" in rule["expr"]
    assert asked <= known


def test_labels_and_words_are_those_of_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for alert in ALERTS:
        severity = alert["labels"]["severity"]
        assert re.search(rf"^\| `{alert['alert']}` \| {severity} \|", page, re.MULTILINE), alert["alert"]
        assert alert["annotations"]["summary"].endswith(".")
        assert alert["annotations"]["description"].endswith(".")
    assert len(re.findall(r"^\| `Clauditor\w+` \|", page, re.MULTILINE)) == len(ALERTS)
    for record in RECORDS:
        assert f"| `{record['record']}` |" in page, record["record"]
