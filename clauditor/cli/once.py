"""What `clauditor top` prints where it shows no screen: the screen as text, the snapshots, or one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from clauditor.cli.complaining import complain
from clauditor.cli.view import SCHEMA_VERSION, objects, print_json, print_lines, scene_of, terminal_width
from clauditor.config import Settings
from clauditor.errors import ClauditorError

if TYPE_CHECKING:
    from clauditor.client import SidecarClient
    from clauditor.ui.views.session import SessionView
    from clauditor.ui.views.turns import TurnView

Snapshot = Mapping[str, Any]
_BAR_SECONDS: Final = 1.0  # a status bar waits for the whole line


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the sidecars answered, by their names; `silent` says of each other one why there is nothing of it."""

    clients: Mapping[str, SidecarClient]
    live: Mapping[str, list[Snapshot]]
    summaries: Mapping[str, Snapshot]
    silent: tuple[str, ...]


def print_once(settings: Settings, urls: Sequence[str]) -> None:
    """The screen as plain text."""
    from clauditor.ui.views.screen import screen
    from clauditor.ui.views.snapshot import session_view
    from clauditor.ui.views.totals import totals

    told = _ask(settings, urls)
    views = [session_view(shot, host) for host, live in told.live.items() for shot in live]
    spend, incident = totals(told.summaries.values(), is_complete=not told.silent)
    around = None
    if not views and not urls:
        from clauditor.ui.around import look_around

        around = look_around(settings)
    lines = screen(
        views,
        spend,
        scene_of(views),
        terminal_width(),
        incident=incident,
        around=around,
        silent=told.silent,
        columns=settings.top.columns,
        newest_calls=_newest_calls(told.clients),
    )
    print_lines(lines)


def print_snapshots(settings: Settings, urls: Sequence[str]) -> None:
    """The live sessions as JSON, the most pressing first; with several sidecars each with its `host`."""
    from clauditor.ui.views.fields import float_of

    told = _ask(settings, urls)
    live = [{"host": host, **shot} if host else shot for host, shots in told.live.items() for shot in shots]
    live.sort(key=lambda shot: -(float_of(shot.get("attention")) or 0))
    for sentence in told.silent:
        complain(sentence)
    print_json({"schema_version": SCHEMA_VERSION, "sessions": live})


def print_compact(settings: Settings, urls: Sequence[str]) -> None:
    """One line; where nobody answers it says so, and the exit code as well: a bar shows no errors."""
    from clauditor.ui.views.compact import AWAY, compact_line
    from clauditor.ui.views.snapshot import session_view
    from clauditor.ui.views.totals import totals

    try:
        told = _ask(settings, urls, retry_seconds=0.0, silence_seconds=_BAR_SECONDS)
    except ClauditorError:
        click.echo(AWAY)
        click.get_current_context().exit(1)
    views = [session_view(shot, host) for host, live in told.live.items() for shot in live]
    spend, incident = totals(told.summaries.values(), is_complete=not told.silent)
    scene = scene_of(views)
    click.echo(compact_line(views, spend, scene, incident=incident, is_partial=bool(told.silent)))


def _ask(
    settings: Settings,
    urls: Sequence[str],
    *,
    retry_seconds: float | None = None,
    silence_seconds: float | None = None,
) -> _Told:
    """What all of them tell. Raises ClauditorError when none does."""
    from clauditor.client import RESTART_SECONDS, TIMEOUT_SECONDS
    from clauditor.ui.sidecars import connect_all

    patience = RESTART_SECONDS if retry_seconds is None else retry_seconds
    clients = connect_all(settings, urls, retry_seconds=patience)
    summaries: dict[str, Snapshot] = {}
    live: dict[str, list[Snapshot]] = {}
    refusals: dict[str, ClauditorError] = {}

    def ask(host: str) -> None:
        try:
            summaries[host] = clients[host].summary()
            live[host] = _live_sessions(clients[host], silence_seconds or TIMEOUT_SECONDS)
        except ClauditorError as error:
            refusals[host] = error

    with ThreadPoolExecutor(max_workers=len(clients)) as threads:
        list(threads.map(ask, clients))
    if len(refusals) == len(clients):
        raise next(iter(refusals.values()))
    return _Told(
        clients=clients,
        live={host: live[host] for host in clients if host in live},
        summaries={host: summaries[host] for host in clients if host in live},
        silent=tuple(f"{host}: {error}" for host, error in refusals.items()),
    )


def _live_sessions(sidecar: SidecarClient, silence_seconds: float) -> list[Snapshot]:
    """The whole picture that every stream begins with."""
    for event, _, data in sidecar.stream(silence_seconds=silence_seconds):
        if event == "snapshot":
            return objects(data.get("sessions"))
    raise ClauditorError("The sidecar closed its stream; see: clauditor status")


def _newest_calls(clients: Mapping[str, SidecarClient]) -> Callable[[SessionView], Sequence[TurnView]]:
    from clauditor.ui.views.recent import TURNS
    from clauditor.ui.views.turns import turn_views

    def ask(session: SessionView) -> Sequence[TurnView]:
        try:
            return turn_views(clients[session.host].turns(session.session_id, limit=TURNS))
        except ClauditorError:
            return ()  # the rest of the screen is known

    return ask
