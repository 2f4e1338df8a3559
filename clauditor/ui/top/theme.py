"""The colours of the live screen. Terminals without colours, and NO_COLOR, get greys from Textual."""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

THEME: Final = Theme(
    name="clauditor",
    primary="#7aa2f7",
    accent="#7dcfff",
    success="#9ece6a",
    warning="#e0af68",
    error="#f7768e",
    foreground="#c8d0e8",
    background="#11131c",
    surface="#1a1d2a",
    panel="#232739",
    dark=True,
)
