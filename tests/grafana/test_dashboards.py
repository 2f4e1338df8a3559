"""Grafana's files: current, complete in words and units, made of metrics that exist, and found by Grafana."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from clauditor.telemetry.metrics import Metrics
from grafana.boards.files import files
from support.dashboards import DASHBOARDS, ROOT, load, panels

PROVISIONING = ROOT / "grafana" / "provisioning"
KNOWN_UNITS = {"currencyUSD", "none", "short", "percentunit", "s", "dtdurations", "bytes", "Bps"}
"""Of Grafana's own units those that are used; beside them `suffix:` with a word."""


@pytest.fixture(params=DASHBOARDS, ids=lambda path: path.stem)
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    return load(request.param)


def expressions(dashboard: dict[str, Any]) -> list[str]:
    """Everything that is asked of Prometheus: by panels, annotations and variables."""
    asked = [target["expr"] for panel in panels(dashboard) for target in panel["targets"]]
    asked += [mark["target"]["expr"] for mark in dashboard["annotations"]["list"]]
    return asked + [it["query"]["query"] for it in dashboard["templating"]["list"] if it["type"] == "query"]


def exposed() -> set[str]:
    """Every series name that the sidecar's families can have."""
    return series_names(
        re.findall(r"^# TYPE (\S+) (\S+)$", Metrics(version="0").render().decode(), re.MULTILINE)
    )


def documented() -> set[str]:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    return series_names(re.findall(r"^\| `(clauditor_\w+)` \| (\w+) \|", page, re.MULTILINE))


def series_names(families: list[tuple[str, str]]) -> set[str]:
    names: set[str] = set()
    for family, kind in families:
        names |= {family + end for end in ("_bucket", "_sum", "_count")} if kind == "histogram" else {family}
    return names


def test_the_files_are_what_the_code_makes() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in DASHBOARDS}
    assert found == files(), "make dashboards"


def test_there_are_four_and_each_leads_to_the_others(dashboard: dict[str, Any]) -> None:
    assert len(DASHBOARDS) == 4
    (bar,) = dashboard["links"]
    assert bar["type"] == "dashboards"
    assert set(bar["tags"]) <= set(dashboard["tags"])
    assert bar["keepTime"]
    assert bar["includeVars"]


def test_every_metric_that_is_asked_for_is_documented_and_exposed(dashboard: dict[str, Any]) -> None:
    for expr in expressions(dashboard):
        asked = set(re.findall(r"clauditor_\w+", expr))
        assert asked, expr
        assert asked <= documented(), expr
        assert asked <= exposed(), expr


def test_every_panel_says_how_to_read_it_in_which_unit_and_when_it_is_empty(
    dashboard: dict[str, Any],
) -> None:
    shown = panels(dashboard)
    for panel in shown:
        assert panel["title"]
        assert len(panel["description"].split()) >= 8, panel["title"]
        assert panel["description"].endswith(".")
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"] in KNOWN_UNITS or defaults["unit"].startswith("suffix: "), panel["title"]
        assert defaults["noValue"]
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    titles = [panel["title"] for panel in shown]
    assert len(set(titles)) == len(titles)


def test_several_series_have_names(dashboard: dict[str, Any]) -> None:
    for panel in panels(dashboard):
        if panel["type"] != "stat":
            assert all(target["legendFormat"] for target in panel["targets"]), panel["title"]


def test_a_bar_is_the_sum_of_its_time_and_not_a_pace(dashboard: dict[str, Any]) -> None:
    for panel in panels(dashboard):
        if panel["fieldConfig"]["defaults"].get("custom", {}).get("drawStyle") == "bars":
            for target in panel["targets"]:
                assert "increase(" in target["expr"], panel["title"]
                assert "rate(" not in target["expr"], panel["title"]


def test_limits_are_the_windows_of_a_plan(dashboard: dict[str, Any]) -> None:
    for expr in expressions(dashboard):
        for chosen in re.findall(r"clauditor_limit_\w+(\{.*?\})?", expr):
            assert chosen == '{billing="plan",window!="overage"}', expr


def test_panels_fill_the_grid_and_do_not_overlap(dashboard: dict[str, Any]) -> None:
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    assert all(0 <= place["x"] <= 24 - place["w"] for place in places)
    for one, other in itertools.combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    covered = sum(place["w"] * place["h"] for place in places)
    assert covered == 24 * max(place["y"] + place["h"] for place in places), "no holes"


def test_any_prometheus_can_be_chosen(dashboard: dict[str, Any]) -> None:
    """Imported elsewhere, a dashboard asks the reader's own data source: none is named."""
    (source,) = (it for it in dashboard["templating"]["list"] if it["type"] == "datasource")
    assert source["query"] == "prometheus"
    chosen = {"type": "prometheus", "uid": f"${{{source['name']}}}"}
    asked = [panel["datasource"] for panel in panels(dashboard)]
    asked += [target["datasource"] for panel in panels(dashboard) for target in panel["targets"]]
    asked += [it["datasource"] for it in dashboard["templating"]["list"] if it["type"] == "query"]
    asked += [mark["datasource"] for mark in dashboard["annotations"]["list"]]
    assert all(it == chosen for it in asked)
    assert not [key for key in ("id", "__inputs", "__requires") if key in dashboard]


def test_variables_are_offered_where_a_query_uses_them(dashboard: dict[str, Any]) -> None:
    offered = {it["name"] for it in dashboard["templating"]["list"] if it["type"] == "query"}
    used = set(re.findall(r"\$(model|project)\b", " ".join(expressions(dashboard))))
    assert used == offered


def test_the_stacks_prometheus_is_the_one_that_is_chosen_first() -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yaml").read_text())["datasources"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert source["type"] == "prometheus"
    assert source["isDefault"] is True
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in compose["services"]
    scrapes = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    assert source["jsonData"]["timeInterval"] == scrapes["global"]["scrape_interval"]


def test_dashboards_are_mounted_where_grafana_looks_for_them() -> None:
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "clauditor.yaml").read_text())["providers"]
    grafana = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["grafana"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    assert "./grafana/provisioning:/etc/grafana/provisioning:ro" in grafana["volumes"]
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home == Path(provider["options"]["path"]) / "clauditor-overview.json"
    assert home.name in {path.name for path in DASHBOARDS}
