"""What strict privacy takes out of an event before anything sees it: names of places, files and programs."""

from __future__ import annotations

from dataclasses import replace

from clauditor.model.events import AttemptStarted, Event, ToolCalled


def without_names(event: Event) -> Event:
    """The event without project, branch, base name of a file and program name of a command."""
    match event:
        case AttemptStarted():
            return replace(event, project=None, branch=None)
        case ToolCalled():
            return replace(event, target=None)
        case _:
            return event
