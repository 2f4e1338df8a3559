"""A scrape of the real sidecar: every family has its reader, and says what its parts know."""

from __future__ import annotations

from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from clauditor.demo import Simulator
from clauditor.telemetry.watched import WATCHED
from support.asking import Api
from support.stack import running_stack
from support.waiting import until

MODEL = "claude-opus-5-5"


def test_every_family_is_fed(tmp_path: Path) -> None:
    with Simulator(billing="plan") as vendor, running_stack(tmp_path, vendor.url) as stack:
        api = Api(stack)
        body = {
            "model": MODEL,
            "max_tokens": 9,
            "stream": True,
            "messages": [{"role": "user", "content": "hello"}],
        }
        headers = {"x-claude-code-session-id": "5f0c1e9a-7d1f-4c57-9d55-4b1f1f6b2a10", "x-api-key": "k"}
        httpx.post(
            f"{stack.proxy_url}/v1/messages", json=body, headers=headers, trust_env=False, timeout=30
        ).raise_for_status()
        until(lambda: api.metric('clauditor_joined_exchanges_total{fate="joined"}') == 1, "the call's line")
        said = api.get("/metrics").text
    fed = {family.name: family.samples for family in text_string_to_metric_families(said) if family.samples}
    # No pace was measured yet.
    assert set(WATCHED) - set(fed) == {
        "clauditor_limit_projected_ratio",
        "clauditor_limit_full_timestamp_seconds",
    }

    def value(name: str, **labels: str) -> float:
        (found,) = [each.value for each in fed[name] if labels.items() <= each.labels.items()]
        return found

    assert value("clauditor_turns", model=MODEL, project="unknown") == 1
    assert value("clauditor_sessions", state="stalled") == 0
    assert value("clauditor_context_sessions", fill="0-25") == 1
    assert 0 < value("clauditor_limit_used_ratio", billing="plan", window="five_hour") < 1
    assert value("clauditor_envoy_up") == 1
    assert value("clauditor_envoy_memory_bytes", kind="allocated") > 1 << 20
    assert 0 <= value("clauditor_envoy_uptime_seconds") < 120
    assert value("clauditor_process_cpu_seconds") > 0.1
    assert {each.labels["queue"] for each in fed["clauditor_queue_items"]} == {
        "alerts",
        "hooks",
        "log_lines",
        "store",
    }
