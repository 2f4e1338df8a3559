"""What `up`, `down` and `status` say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from clauditor import __version__
from clauditor.config import Settings
from clauditor.errors import ClauditorError
from clauditor.proxy.stack import Started
from clauditor.proxy.status import Part, Status
from clauditor.proxy.unwatched import unwatched
from clauditor.text import label
from clauditor.ui.views.units import count, size

NAMES_SHOWN: Final = 5
NAME_CELLS: Final = 40
DIRECT: Final = "Claude Code goes direct again from its next prompt."
THROUGH: Final = "Claude Code's settings point here again."


def ready(started: Started, settings: Settings, seconds: float) -> str:
    """The whole of what a first `up` shows."""
    plan = started.plan
    lines = [
        f"clauditor {__version__} ready in {seconds:.1f} s",
        *started.notes,
        "",
        f"  proxy     {plan.proxy_url} -> {plan.upstream}  (Envoy {plan.envoy_version}, pid {started.proxy_pid})",
    ]
    if started.reach is not None and started.reach.ok:
        lines.append(f"  upstream  {started.reach.text}")
    data = f"{short(settings.data_dir)}, {size(_bytes_in(settings.data_dir))}"
    lines += [
        f"  sidecar   {plan.api_url}  (pid {started.sidecar_pid})   data {data}",
        f"  sessions  {_sessions(settings, plan.proxy_url)}",
        "",
        "Next, one of",
        "  clauditor install      all sessions, also those already open (shows its plan, asks)",
        "  clauditor run claude   only this one, no file is changed",
        "then",
        "  clauditor top          (nothing to watch yet? clauditor demo)",
        "",
        "Stop: clauditor down.  Back to direct at once: clauditor off.",
    ]
    return "\n".join(lines)


def already(started: Started, settings: Settings) -> str:
    """What an `up` says that finds everything running."""
    plan = started.plan
    sessions = count(len(_live_sessions(settings)), "session")
    return (
        f"clauditor already runs here (proxy {plan.port}, sidecar {plan.api_port}, {sessions}). "
        "clauditor top shows it."
    )


def using(settings: Settings, connections: int) -> str:
    """Who uses the proxy: how many connections, and the names of the sessions that may own them."""
    verb = "still uses" if connections == 1 else "still use"
    words = f"{count(connections, 'client connection')} {verb} the proxy"
    names = [_name(session) for session in _live_sessions(settings) if session.get("state") != "idle"]
    if not names:
        return words
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"{words} ({', '.join(names[:NAMES_SHOWN])}{more})"


def status_json(found: Status) -> dict[str, object]:
    def part(it: Part) -> dict[str, object]:
        return {"url": it.url, "pid": it.pid, "state": it.state}

    return {
        "proxy": part(found.proxy),
        "sidecar": part(found.sidecar),
        "upstream": found.upstream,
        "data_dir": str(found.data_dir),
        "version": found.version,
        "envoy_version": found.envoy_version,
    }


def status_text(found: Status) -> str:
    def part(it: Part) -> str:
        return it.state if it.pid is None else f"{it.state:<10} {it.url}  (pid {it.pid})"

    if not found.anything_runs:
        return f"Nothing runs for {short(found.data_dir)}. Start: clauditor up"
    return "\n".join(
        (
            f"proxy     {part(found.proxy)} -> {found.upstream}",
            f"sidecar   {part(found.sidecar)}",
            f"data      {short(found.data_dir)}",
            f"version   clauditor {found.version}, Envoy {found.envoy_version or 'unknown'}",
            *troubles(found),
        )
    )


def troubles(found: Status) -> tuple[str, ...]:
    """A sentence for each program that does not start or does not stay."""
    return tuple(part.trouble for part in (found.proxy, found.sidecar) if part.trouble)


def short(path: Path) -> str:
    """A path as people write it."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _sessions(settings: Settings, proxy_url: str) -> str:
    live = len(_live_sessions(settings))
    words = f"{live} live" if live else "none yet"
    others = len(unwatched(proxy_url))
    if not others:
        return words
    verb = "runs" if others == 1 else "run"
    return (
        f"{words}; {count(others, 'Claude Code process', 'Claude Code processes')} {verb} without Clauditor"
    )


def _live_sessions(settings: Settings) -> list[dict[str, Any]]:
    """Sessions that have not ended, newest first; none if the sidecar cannot tell."""
    from clauditor.client import connect

    try:
        sessions = connect(settings).sessions(limit=200)
    except ClauditorError:
        return []
    return [session for session in sessions if session.get("ended_at") is None]


def _name(session: dict[str, Any]) -> str:
    words = [str(session[key]) for key in ("project", "label") if session.get(key)]
    return label(" ".join(words) or str(session.get("session_id", "?"))[:8], NAME_CELLS)


def _bytes_in(directory: Path) -> int:
    """What the files in a data directory take; one that goes away meanwhile takes nothing."""
    total = 0
    for path in (*directory.glob("*"), *directory.glob("run/*")):
        try:
            found = path.lstat()
        except OSError:
            continue
        total += found.st_size
    return total
