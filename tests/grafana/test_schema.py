"""Every dashboard is valid against Grafana's published schema; schema/README.md says where that comes from."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from support.dashboards import DASHBOARDS, ROOT, load, panels

PUBLISHED = Path(__file__).parent / "schema" / "dashboard.json"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    parts: dict[str, Any] = json.loads(PUBLISHED.read_text(encoding="utf-8"))["definitions"]["Published"][
        "properties"
    ]
    return parts


def faults(schema: dict[str, Any], dashboard: dict[str, Any]) -> Iterator[str]:
    """What the schema says against a dashboard, its panels' options and queries; strange fields are faults too."""

    def held_against(part: dict[str, Any], value: Any, place: str) -> Iterator[str]:
        Draft7Validator.check_schema(part)
        for error in Draft7Validator(part).iter_errors(value):
            yield f"{place} {'/'.join(str(step) for step in error.path)}: {error.message[:300]}"

    yield from held_against(schema["dashboard"], dashboard, "dashboard")
    for panel in panels(dashboard):
        kind, title = panel["type"], panel["title"]
        yield from held_against(schema["options"]["properties"][kind], panel["options"], f"{title}, options")
        if kind in schema["custom"]["properties"]:
            custom = panel["fieldConfig"]["defaults"]["custom"]
            yield from held_against(schema["custom"]["properties"][kind], custom, f"{title}, custom")
        for target in panel["targets"]:
            yield from held_against(schema["query"], target, f"{title}, query")


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_valid(schema: dict[str, Any], path: Path) -> None:
    assert list(faults(schema, load(path))) == []


@pytest.mark.parametrize(
    "change", ["strange_field", "wrong_type", "missing_option", "wrong_word", "wrong_query"]
)
def test_what_grafana_does_not_know_is_found(schema: dict[str, Any], change: str) -> None:
    broken = copy.deepcopy(load(DASHBOARDS[0]))
    stat = next(panel for panel in broken["panels"] if panel["type"] == "stat")
    match change:
        case "strange_field":
            stat["span"] = 4
        case "wrong_type":
            broken["schemaVersion"] = "41"
        case "missing_option":
            del stat["options"]["reduceOptions"]["calcs"]
        case "wrong_word":
            stat["options"]["colorMode"] = "rainbow"
        case _:
            stat["targets"][0]["expression"] = stat["targets"][0].pop("expr")
    assert len(list(faults(schema, broken))) >= 1


def test_it_is_the_schema_of_the_grafana_that_the_stack_starts() -> None:
    (image,) = re.findall(r"grafana/grafana:(\d+\.\d+\.\d+)", (ROOT / "docker-compose.yml").read_text())
    (told,) = re.findall(r"@grafana/schema@(\d+\.\d+\.\d+)", (PUBLISHED.parent / "README.md").read_text())
    assert told == image
