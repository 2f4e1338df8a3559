"""Every way out of Clauditor that a person looks at, fed with as many foreign strings as it takes.

An exit is a function: it takes a source of strings, puts one into every field that comes from outside, and yields what a
terminal, tmux, a desktop, a page, a log or a program would get. `Shown.cells` bounds the line, where something does.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any, Final

from clauditor.alerts.alert import Alert, alert_of, facts, harmless, terminal_bytes, toast_of
from clauditor.alerts.rules import AlertRules
from clauditor.cli.complaining import complain
from clauditor.cli.export import _harmless as harmless_cell
from clauditor.cli.stack_words import _name as stack_name
from clauditor.logs import SIDECAR, CleanFormatter
from clauditor.model.events import SignalRaised
from clauditor.setup.doctor.catalogue import CHECKS
from clauditor.setup.doctor.finding import Finding
from clauditor.setup.doctor.report import Entry, Report
from clauditor.setup.doctor.report import lines as report_lines
from clauditor.store.exporting import _clean as exported
from clauditor.telemetry.names import Names
from clauditor.text import width
from clauditor.ui.top.bell import Bell
from clauditor.ui.views.cells import Scene
from clauditor.ui.views.compact import compact_line
from clauditor.ui.views.document import document_lines
from clauditor.ui.views.empty import Around
from clauditor.ui.views.find import nothing_found, parse_query
from clauditor.ui.views.groups import group_of, heading
from clauditor.ui.views.header import Spend
from clauditor.ui.views.incident import incident_of
from clauditor.ui.views.listing import session_list
from clauditor.ui.views.markdown import markdown
from clauditor.ui.views.postmortem import postmortem_document
from clauditor.ui.views.presets import VIEWS
from clauditor.ui.views.screen import plain_text, screen
from clauditor.ui.views.session import SessionView
from clauditor.ui.views.snapshot import session_view
from clauditor.ui.views.spend import spent_csv, spent_lines, spent_table
from clauditor.ui.views.statusline import Seen, status_line
from clauditor.ui.views.story import TABS, session_lines, tab_lines
from clauditor.ui.views.turns import Calls, side_calls, turn_views
from clauditor.ui.views.web import columns_of, header_json, row_json
from clauditor.ui.views.web_pages import document_json, history_json
from clauditor.ui.views.web_session import session_json
from clauditor.ui.watch.border import over_border, session_border
from clauditor.ui.watch.moments import Moments
from clauditor.ui.watch.output import JsonLines, TextLines
from security.strings import Source
from ui import afternoon
from ui.views.test_postmortem import answer as postmortem_answer

SCENE: Final = Scene(now=afternoon.NOW, zone=UTC)
WIDTHS: Final = (40, 80, 200)
_ORDINARY: Final = afternoon.with_signals()
_POSTMORTEM: Final = postmortem_answer()
_EVENTS: Final[dict[str, dict[str, Any]]] = {
    "AttemptStarted": {"model": "m", "new_prompt": True},
    "AttemptFinished": {"model": "m", "stop_reason": "max_tokens", "usage": {"input": 1, "output": 2, "extra": [["m", {"output": 1}]]}},
    "AttemptFailed": {"kind": "stream", "status": 529, "error_type": "overloaded_error", "model": "m"},
    "ToolCalled": {"tool_use_id": "t", "name": "Bash", "target": "make"},
    "ToolReturned": {"tool_use_id": "t", "outcome": "error", "duration_seconds": 1.0},
    "HookSeen": {"hook": "PermissionRequest", "tool_name": "Bash"},
    "SignalRaised": {"name": "tool_loop", "severity": "act", "summary": "s", "short": "s", "next_step": "n"},
    "SignalCleared": {"name": "tool_loop", "severity": "act"},
    "GapFound": {"reason": "missed", "unseen_bytes": 9},
    "Compacted": {"trigger": "auto", "model": "m"},
    "SessionEnded": {"reason": "hook"},
    "SessionMuted": {"until": 1.0},
}  # fmt: skip
_KEPT: Final = frozenset({"type", "kind", "severity", "hook"})
_NAMES: Final = frozenset({"by_name", "limits", "events", "windows"})


@dataclass(frozen=True, slots=True)
class Shown:
    """A line as it leaves; `cells` is the most it may take. `is_tmux`: tmux reads `#` in it."""

    line: str
    cells: int | None = None
    is_tmux: bool = False


Exit = Callable[[Source], Iterator[Shown]]


def poisoned(value: Any, source: Source, key: str = "", kept: frozenset[str] = frozenset()) -> Any:
    """The same JSON with a new string in place of each, and of the keys of tables of names."""
    match value:
        case str() if key not in kept:
            return source()
        case dict():
            return {
                (source() if key in _NAMES else name): poisoned(inner, source, name, kept)
                for name, inner in value.items()
            }
        case list() | tuple():
            return [poisoned(inner, source, key, kept) for inner in value]
        case _:
            return value


def snapshots(source: Source, count: int = 3) -> list[dict[str, Any]]:
    """Sessions whose strings are foreign; states decide which sentences are said, so every other one has its own."""
    found = []
    for number in range(count):
        ordinary = _ORDINARY[number % len(_ORDINARY)]
        bad = poisoned(ordinary, source)
        if number % 2:
            bad |= {name: ordinary[name] for name in ("state", "waiting_for", "entrypoint", "billing")}
            if bad["verdict"]:
                bad["verdict"] |= {"level": "act", "signal": ordinary["verdict"]["signal"]}
        found.append(bad)
    return found


def views(source: Source, count: int = 3) -> list[SessionView]:
    return [session_view(shot) for shot in snapshots(source, count)]


def _lines(text: str, cells: int | None) -> Iterator[Shown]:
    return (Shown(line, cells) for line in text.split("\n"))


def whole_screen(source: Source) -> Iterator[Shown]:
    """top, and top --once: every view; addresses and refusals of sidecars, directories of strangers."""
    sessions = views(source)
    told = incident_of(poisoned({"incident": afternoon.INCIDENT}, source))
    around = Around(proxy_url=source(), requests=1, unwatched=((1, source()), (2, f"/tmp/{source()}")))
    for cells in WIDTHS:
        for view in VIEWS:
            lines = screen(sessions, Spend(), SCENE, cells, view=view, incident=told, silent=[source()])
            yield from _lines(plain_text(lines), cells)
        yield from _lines(plain_text(screen([], Spend(), SCENE, cells, around=around)), cells)
        yield from _lines(plain_text(nothing_found(parse_query(f"{source()} {source()}:x"))), None)
        for session in sessions:
            yield from _lines(
                plain_text([heading(group_of(session, "project"), "project", [session], cells)]), cells
            )


def listing_and_story(source: Source) -> Iterator[Shown]:
    """sessions, show, and the tabs of a session."""
    sessions = views(source)
    turns = poisoned(afternoon.turns(), source)
    calls = Calls(turns=turn_views(turns), side_calls=side_calls({"side_calls_by_name": turns}))
    for cells in WIDTHS:
        yield from _lines(plain_text(session_list(sessions, SCENE, cells)), cells)
        for session in sessions[:2]:
            yield from _lines(plain_text(session_lines(session, calls, SCENE, cells)), cells)
            for tab in TABS:
                yield from _lines(plain_text(tab_lines(tab, session, calls, SCENE, cells)), cells)


def tmux(source: Source) -> Iterator[Shown]:
    """The status bar's line, and the borders of panes."""
    sessions = views(source, 6)
    yield Shown(compact_line(sessions, Spend(), SCENE), 200, is_tmux=True)
    for session in sessions:
        for cells in (8, 40, 120):
            border = session_border(session, SCENE, cells, colours=False)
            yield Shown(border, None, is_tmux=True)
            yield Shown(border.replace("##", "#"), cells)
            yield Shown(over_border(session, afternoon.NOW, SCENE, cells), None, is_tmux=True)


def status_lines(source: Source) -> Iterator[Shown]:
    for shot in snapshots(source, 4):
        told = {
            "session": shot,
            "others": {"act": 3, "names": [source(), source()]},
            "incident": poisoned(afternoon.INCIDENT, source),
        }
        for columns in (40, 80, 160):
            yield Shown(status_line(Seen(told), now=afternoon.NOW, zone=UTC, columns=columns), columns)


def watch_lines(source: Source) -> Iterator[Shown]:
    """watch, for people and for programs."""
    session_id = source()
    shot = poisoned(_ORDINARY[0], source) | {"session_id": session_id}
    moments = Moments()
    for cells in (40, 120):
        text, programs = io.StringIO(), io.StringIO()
        outputs = (
            TextLines(text, width=lambda cells=cells: cells, zone=lambda _: UTC),  # type: ignore[misc]
            JsonLines(programs),
        )
        for frame, data in _frames(shot, session_id, source):
            for moment in moments.take(frame, data):
                for output in outputs:
                    output.tell(moment)
        outputs[0].begin(moments.sessions.values(), afternoon.NOW)
        yield from _lines(text.getvalue(), cells)
        for line in programs.getvalue().splitlines():
            yield Shown(line if line.isascii() else "\x00")


def _frames(shot: Any, session_id: str, source: Source) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "snapshot", {"sessions": [shot], "full": True, "removed": [], "totals": {}}
    for kind, fields in _EVENTS.items():
        told = {"type": kind, "at": afternoon.NOW, "agent_id": "main", "exchange_id": "1", **fields}
        yield "event", poisoned(told, source, kept=_KEPT) | {"session_id": session_id}
    yield "snapshot", {"sessions": [shot], "full": False, "removed": [], "totals": {}}


def postmortem(source: Source) -> Iterator[Shown]:
    document = postmortem_document(poisoned(_POSTMORTEM, source), UTC)
    for cells in (46, 120):
        text = "".join(plain_text([line]) for line in document_lines(document, cells))
        yield from _lines(text, cells)
    yield from _lines(markdown(document), None)
    yield from _strings(document_json(document))


def spending(source: Source) -> Iterator[Shown]:
    money = {"calls": 1, "turns": 1, "tokens": {}, "cost_usd": 1.0, "cost_complete": False, "estimated": True}
    rows = [{"key": source(), "project": source(), **money} for _ in range(20)]
    for by in ("project", "branch", "model", "day"):
        table = spent_table({"by": by, "days": 7, "rows": rows, "total": money})
        yield from _lines(plain_text(spent_lines(table, 80)), 80)
        yield from _cells(spent_csv(table))


def _cells(text: str) -> Iterator[Shown]:
    for row in csv.reader(io.StringIO(text)):
        for cell in row:
            is_formula = cell.startswith(("=", "+", "-", "@")) and not re.fullmatch(r"-?[\d.]+", cell)
            yield Shown("\x00" if is_formula else cell)


def alerts(source: Source) -> Iterator[Shown]:
    """Desktop, webhook, command, and the terminal's own bell."""
    rung: list[Alert] = []
    for _ in range(6):
        raised = SignalRaised(
            at=1.0, session_id=source(), name="tool_loop", severity="act", evidence="measured",
            summary=source(), short=source(), next_step=source(),
        )  # fmt: skip
        rung.append(replace(alert_of(raised, source()), signal="tool_loop"))
    for some in (rung[:1], rung):
        toast = toast_of(some)
        shown = harmless(toast)
        for text in (shown.title, shown.body):
            yield Shown("\x00" if re.search(r"[<>&\\]", text) else text, 4 * 240)
        sound = terminal_bytes(toast).decode()
        assert sound.startswith("\x1b]9;")
        assert sound.endswith("\x07\x07")
        yield Shown(sound[4:-2], 240)
    for alert in rung:
        yield from _strings(dict(facts(alert)))
        line = json.dumps(facts(alert))
        yield Shown(line if line.isascii() else "\x00")
    bell = Bell(AlertRules())
    bell.ring({}, afternoon.NOW)
    sound = bell.ring({session.key: session for session in views(source)}, afternoon.NOW + 60)
    yield Shown(sound.replace("\x1b]9;", "").replace("\x07", ""))


def logs(source: Source) -> Iterator[Shown]:
    """Messages, their arguments, and errors with words of their own."""
    formatter = CleanFormatter(SIDECAR)
    for error in (ValueError(source()), OSError(2, source()), ExceptionGroup(source(), [KeyError(source())])):
        try:
            raise error  # noqa: TRY301 - caught as a log gets it
        except Exception as caught:  # noqa: BLE001
            told = (type(caught), caught, caught.__traceback__)
        record = logging.LogRecord(
            "x", 40, "x", 1, f"%s, %s {source().replace('%', '%%')}", (source(), error), told
        )
        yield from _lines(formatter.format(record), None)


def complaints(source: Source) -> Iterator[Shown]:
    """What commands say on the standard error."""
    with redirect_stderr(io.StringIO()) as said:
        complain(source())
    yield from _lines(said.getvalue().removesuffix("\n"), 4096 * 2)


def names(source: Source) -> Iterator[Shown]:
    """Labels of metrics, names in `down`, cells of exports."""
    found = Names(8)
    for _ in range(8):
        value = found(source())
        yield Shown(value if re.fullmatch(r"[A-Za-z0-9_.+-]{1,64}", value) else "\x00", 64)
    yield Shown(stack_name({"project": source(), "label": source(), "session_id": source()}), 40)
    for _ in range(4):
        cell = harmless_cell(exported(source()))
        yield Shown("\x00" if cell.startswith(("=", "+", "-", "@")) else cell)


def doctor(source: Source) -> Iterator[Shown]:
    entries = tuple(
        Entry(
            name=one.name,
            topic=one.topic,
            finding=Finding(level="problem", text=source(), remedy=source(), details=(source(),)),
        )
        for one in CHECKS[:4]
    )
    for cells in (60, 120):
        for line in report_lines(Report(entries=entries), cells, verbose=True):
            yield Shown(line.text)


def page(source: Source) -> Iterator[Shown]:
    """The words of the web page, which its script puts into text nodes."""
    sessions = views(source)
    turns = poisoned(afternoon.turns(), source)
    calls = Calls(turns=turn_views(turns), side_calls=side_calls({"side_calls_by_name": turns}))
    for view in VIEWS:
        columns = columns_of(view, sessions)
        for session in sessions:
            yield from _strings(row_json(session, columns, SCENE), but="id")
    yield from _strings(
        header_json(sessions, Spend(), SCENE, incident_of(poisoned({"incident": afternoon.INCIDENT}, source)))
    )
    yield from _strings(history_json(sessions, None, SCENE), but="id")
    for tab in TABS:
        yield from _strings(session_json(sessions[0], calls, tab, SCENE), but="id")


def _strings(value: Any, but: str = "") -> Iterator[Shown]:
    match value:
        case str():
            yield Shown(value)
        case dict():
            for name, inner in value.items():
                if name != but:
                    yield from _strings(inner, but)
        case list() | tuple():
            for inner in value:
                yield from _strings(inner, but)
        case _:
            pass


EXITS: Final[dict[str, Exit]] = {
    "top, top --once": whole_screen,
    "sessions, show, tabs": listing_and_story,
    "tmux: status bar, borders": tmux,
    "statusline": status_lines,
    "watch": watch_lines,
    "postmortem, as text, Markdown, JSON": postmortem,
    "spend, as text and CSV": spending,
    "alerts: desktop, webhook, command, terminal": alerts,
    "logs": logs,
    "complaints": complaints,
    "metric labels, names, export cells": names,
    "doctor": doctor,
    "page": page,
}


def too_wide(shown: Shown) -> bool:
    return shown.cells is not None and width(shown.line) > shown.cells
