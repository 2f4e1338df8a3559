"""What a dashboard is: a title, sections, and the panels in them."""

from __future__ import annotations

from dataclasses import dataclass

from grafana.boards.parts import Panel


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Panels under a heading; without one they stand at the top."""

    title: str = ""
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """`uid` is part of the address in Grafana and of the file's name: it stays. `variables` are labels to choose by."""

    uid: str
    title: str
    says: str
    variables: tuple[str, ...]
    sections: tuple[Section, ...]
