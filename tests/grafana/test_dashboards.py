"""Grafana's files: the dashboard asks for metrics that exist, and finds its data source."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from clauditor.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[2]
DASHBOARDS = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
PROVISIONING = ROOT / "grafana" / "provisioning"


@pytest.fixture(params=DASHBOARDS, ids=lambda path: path.name)
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.param.read_text(encoding="utf-8"))
    return found


def exposed() -> set[str]:
    """Every series name that the sidecar's families can have."""
    text = Metrics(version="0").render().decode()
    names = set()
    for family, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        names |= {family + end for end in ("_bucket", "_sum", "_count")} if kind == "histogram" else {family}
    return names


def test_every_expression_asks_for_a_metric_that_is_exposed(dashboard: dict[str, Any]) -> None:
    known = exposed()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            asked = set(re.findall(r"clauditor_\w+", target["expr"]))
            assert asked, panel["title"]
            assert asked <= known, panel["title"]
    for variable in dashboard["templating"]["list"]:
        assert set(re.findall(r"clauditor_\w+", variable["definition"])) <= known


def test_every_panel_says_what_it_shows_in_which_unit_and_when_it_is_empty(dashboard: dict[str, Any]) -> None:
    for panel in dashboard["panels"]:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["fieldConfig"]["defaults"]["noValue"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert len({panel["title"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_panels_lie_on_the_grid_and_do_not_overlap(dashboard: dict[str, Any]) -> None:
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


def test_the_data_source_is_the_one_that_is_provisioned(dashboard: dict[str, Any]) -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yaml").read_text())["datasources"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in compose["services"]
    asked = [panel["datasource"] for panel in dashboard["panels"]]
    asked += [target["datasource"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [variable["datasource"] for variable in dashboard["templating"]["list"]]
    assert all(it == {"type": source["type"], "uid": source["uid"]} for it in asked)


def test_dashboards_are_mounted_where_grafana_looks_for_them() -> None:
    assert DASHBOARDS
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "clauditor.yaml").read_text())["providers"]
    grafana = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["grafana"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    assert "./grafana/provisioning:/etc/grafana/provisioning:ro" in grafana["volumes"]
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home.parent == Path(provider["options"]["path"])
    assert home.name in {path.name for path in DASHBOARDS}
