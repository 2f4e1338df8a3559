"""The line for tmux's status bar."""

from __future__ import annotations

from datetime import UTC

from clauditor.ui.views.cells import Scene
from clauditor.ui.views.compact import compact_line
from clauditor.ui.views.header import Spend
from clauditor.ui.views.incident import incident_of
from clauditor.ui.views.snapshot import session_view
from ui import afternoon
from ui.hostile import HOSTILE, is_harmless

SCENE = Scene(now=afternoon.NOW, zone=UTC)


def said(*shots: afternoon.Snapshot, spend: Spend | None = None, **more: object) -> str:
    incident = incident_of({"incident": more.get("incident")})
    views = [session_view(shot) for shot in shots]
    is_partial = bool(more.get("is_partial"))
    return compact_line(views, spend or Spend(), SCENE, incident=incident, is_partial=is_partial)


def test_who_needs_you_comes_first_and_money_last() -> None:
    assert said(*afternoon.with_signals(), spend=Spend(today_usd=38.4)) == (
        "3 need you: webshop, infra, orders-api · 3 to watch · today ~$38.40 · 5h 57%"
    )


def test_calm_is_a_number() -> None:
    calm = [afternoon.snapshot(f"s{n}", billing="api", limits={}) for n in range(3)]
    assert said(*calm, spend=Spend(today_usd=1.5, complete=False)) == "3 live · today >= $1.50"
    assert said() == "no session"
    assert said(*afternoon.resting(2)) == "0 live · 5h 57%"


def test_an_incident_and_a_silent_sidecar_are_said() -> None:
    calm = afternoon.snapshot("calm", limits={})
    assert said(calm, incident=afternoon.INCIDENT, is_partial=True) == (
        "Anthropic 529 in 4 of 6 · 1 live · not all answer"
    )


def test_nothing_in_it_means_something_to_tmux_or_the_terminal() -> None:
    pressing = afternoon.with_signals()[0]
    for text in (*HOSTILE, "#[fg=red]#(touch /tmp/owned)#{pane_id}#"):
        line = said(pressing | {"project": text})
        assert is_harmless(line)
        assert "#" not in line.replace("##", "")
        assert len(line) < 100
