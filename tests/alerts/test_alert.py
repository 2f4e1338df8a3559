"""What an alert says, to programs, to a desktop and to a terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clauditor.alerts.alert import Toast, alert_of, facts, harmless, terminal_bytes, toast_of
from clauditor.model.events import SignalRaised

T = 1_790_000_000.0
HOSTILE = "-x \x1b]0;owned\x07\x1b[31m<b>\"quoted'\n\u202eline\u0007 $(id) `id` \\033[2J &amp;"


def event(summary: str, *, short: str = "short", session_id: str = "5f0c1e9a-7d1f") -> SignalRaised:
    return SignalRaised(
        at=T,
        session_id=session_id,
        name="stalled",
        severity="act",
        evidence="measured",
        summary=summary,
        short=short,
        next_step="Press Esc.",
    )


def test_facts_are_the_documented_keys() -> None:
    assert facts(alert_of(event("No byte."), "webshop")) == {
        "schema_version": 1,
        "session_id": "5f0c1e9a-7d1f",
        "project": "webshop",
        "signal": "stalled",
        "severity": "act",
        "summary": "No byte.",
        "since": T,
        "next_step": "Press Esc.",
    }


def test_without_a_project_the_session_is_named_by_its_id() -> None:
    alert = alert_of(event("No byte."), None)
    assert facts(alert)["project"] is None
    assert toast_of([alert]).title == "Clauditor: session 5f0c1e9a"


def test_hostile_text_becomes_one_harmless_line() -> None:
    alert = alert_of(event(HOSTILE, short=HOSTILE, session_id=HOSTILE), HOSTILE)
    toast = toast_of([alert])
    for text in (alert.project or "", alert.summary, alert.short, alert.session_id, toast.title, toast.body):
        assert text.isprintable()
        assert "owned" not in text
    shown = harmless(toast)
    assert shown.title.startswith("Clauditor: ")
    assert not set("<>&\\") & set(shown.title + shown.body)


@given(st.text(), st.text())
def test_a_terminal_gets_one_sequence_and_one_bell_whatever_the_text(title: str, body: str) -> None:
    sent = terminal_bytes(Toast(title=f"Clauditor: {title}", body=body))
    assert sent.startswith(b"\x1b]9;Clauditor:")
    assert sent.endswith(b"\x07\x07")
    inside = sent[len(b"\x1b]9;") : -2].decode()
    assert inside.isprintable()
    assert len(inside) <= 500


def test_long_text_is_cut() -> None:
    alert = alert_of(event("x" * 5000), "y" * 5000)
    assert len(alert.summary) == 240
    assert len(alert.project or "") == 40
