"""settings, tmux, Python: our own settings, and the programs beside us."""

from __future__ import annotations

from clauditor.setup.doctor.checks.words import short
from clauditor.setup.doctor.facts import Facts
from clauditor.setup.doctor.finding import Check, Finding, Unseen, note, ok, problem
from clauditor.setup.doctor.known import is_older
from clauditor.text import clean

TMUX_OLDEST = "3.0"  # titles in pane borders, hooks of panes
SQLITE_SAFE = (
    "3.51.3"  # before it a reset of the journal may be lost when two write at once; we hold it at one
)


def settings(facts: Facts) -> Finding:
    found = facts.settings
    if isinstance(found, Unseen):
        return found.finding()
    if found.problems:
        return problem(
            clean(found.problems[0]).rstrip("."),
            "mend it; the default holds meanwhile, or nothing starts",
            *map(clean, found.problems),
        )
    if found.warnings:
        return note(clean(found.warnings[0]).rstrip("."), None, *map(clean, found.warnings))
    if found.file is None or not found.exists:
        return ok("all defaults")
    return ok(short(found.file, facts.home))


def tmux(facts: Facts) -> Finding:
    found = facts.tools
    if isinstance(found, Unseen):
        return found.finding()
    if found.tmux is None:
        return note(
            "none: o and next cannot jump, and there is no watch --tmux", "install tmux if you want that"
        )
    if is_older(found.tmux, TMUX_OLDEST):
        return note(f"{clean(found.tmux)}, older than {TMUX_OLDEST}", "update tmux for watch --tmux")
    return ok(f"{clean(found.tmux)}{', and you are in it' if found.is_inside_tmux else ''}")


def python(facts: Facts) -> Finding:
    found = facts.tools
    if isinstance(found, Unseen):
        return found.finding()
    one_writer = "" if not is_older(found.sqlite, SQLITE_SAFE) else " (one writer at a time, by a lock)"
    return ok(f"{found.python}, SQLite {found.sqlite}{one_writer}")


SETTINGS = Check(name="settings", topic="machine", check=settings)
TMUX = Check(name="tmux", topic="machine", check=tmux)
PYTHON = Check(name="python", topic="machine", check=python)
