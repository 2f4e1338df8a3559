"""The keys of the live screen and what each does; `views.footer` says it in words."""

from __future__ import annotations

from typing import Final

KEYS: Final = (
    ("down,j", "move(1)"),
    ("up,k", "move(-1)"),
    ("pagedown", "move(10)"),
    ("pageup", "move(-10)"),
    ("home", "move(-1000000)"),
    ("end", "move(1000000)"),
    ("n", "next"),
    ("o", "go"),
    ("enter", "story"),
    ("m", "mute"),
    ("slash", "find"),
    ("escape", "show_all"),
    ("s", "switch('sort')"),
    ("v", "switch('view')"),
    ("g", "switch('group')"),
    ("e", "switch('folding')"),
    ("p", "report"),
    ("y", "copy"),
    ("space", "freeze"),
    ("question_mark", "help"),
    ("q", "quit"),
)
"""Keys, separated by commas, and the action of the screen."""
OF_TABLE: Final = frozenset({"move", "next", "story", "find", "show_all", "switch", "freeze"})
OF_SESSION: Final = frozenset({"go", "mute", "copy", "report"})
