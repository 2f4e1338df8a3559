"""Desktop alerts with a real program named notify-send on the PATH."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clauditor.alerts import desktop as desktop_module
from clauditor.alerts.alert import Toast, alert_of, toast_of
from clauditor.alerts.delivery import GoneError
from clauditor.alerts.desktop import Desktop
from clauditor.errors import ClauditorError
from clauditor.model.events import SignalRaised

HELLO = Toast(title="Clauditor: webshop", body="It is so. Do it.")


def test_it_is_started_with_the_text_as_arguments(notify_send: Any) -> None:
    way = Desktop(notify_send.environ, platform="linux")
    assert way.obstacle() is None
    way.deliver(HELLO)
    (call,) = notify_send.calls()
    assert call["arguments"] == ["--app-name=Clauditor", "--", "Clauditor: webshop", "It is so. Do it."]
    assert call["environment"]["DBUS_SESSION_BUS_ADDRESS"] == "unix:path=/nowhere"


def test_hostile_text_stays_text(notify_send: Any) -> None:
    hostile = "--help \x1b]0;owned\x07<b>$(touch x)\n\\033[2J\"'& \u202e"
    event = SignalRaised(
        at=0,
        session_id="s",
        name="stalled",
        severity="act",
        evidence="measured",
        summary=hostile,
        short=hostile,
        next_step=hostile,
    )
    Desktop(notify_send.environ, platform="linux").deliver(toast_of([alert_of(event, hostile)]))
    (call,) = notify_send.calls()
    once = "--help ‹b›$(touch x) /033[2J\"'+"
    assert call["arguments"][1:] == ["--", "Clauditor: --help ‹b›$(touch x) /033[2J\"'+", f"{once} {once}"]


def test_on_macos_the_text_is_an_argument_of_a_fixed_script(notify_send: Any) -> None:
    notify_send.path.rename(notify_send.path.with_name("osascript"))
    Desktop(notify_send.environ, platform="darwin").deliver(
        Toast(title="Clauditor: x", body='" & do shell script "id')
    )
    (call,) = notify_send.calls()
    assert call["arguments"][-3:] == ["end run", "Clauditor: x", '" + do shell script "id']
    assert not any("shell" in part for part in call["arguments"][:-1])


def test_without_the_program_it_is_gone_and_says_the_remedy(tmp_path: Path) -> None:
    way = Desktop({"PATH": str(tmp_path), "DISPLAY": ":0"}, platform="linux")
    assert "notify-send was not found; install it" in (way.obstacle() or "")
    with pytest.raises(GoneError, match="libnotify"):
        way.deliver(HELLO)


def test_without_a_desktop_session_it_says_so(notify_send: Any, tmp_path: Path) -> None:
    environ = {"PATH": notify_send.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path)}
    assert "no desktop session" in (Desktop(environ, platform="linux").obstacle() or "")
    (tmp_path / "bus").touch()
    assert Desktop(environ, platform="linux").obstacle() is None


def test_a_program_that_fails_is_told(notify_send: Any) -> None:
    notify_send.write("sys.exit(3)")
    with pytest.raises(ClauditorError, match="notify-send ended with code 3"):
        Desktop(notify_send.environ, platform="linux").deliver(HELLO)


def test_a_program_that_hangs_is_ended(notify_send: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desktop_module, "TIMEOUT_SECONDS", 0.5)
    notify_send.write("import time; time.sleep(60)")
    with pytest.raises(ClauditorError, match=r"longer than 0\.5 s"):
        Desktop(notify_send.environ, platform="linux").deliver(HELLO)
