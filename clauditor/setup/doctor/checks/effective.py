"""What Claude Code makes of several places that say something: the strongest that names a variable counts."""

from __future__ import annotations

from typing import NamedTuple

from clauditor.setup.doctor.facts import Client, ClientSource


class Told(NamedTuple):
    """A variable's value, and who says so."""

    value: str
    source: ClientSource


def told(client: Client, *names: str) -> Told | None:
    """The value that counts for the first of these names that has one; an empty one counts as none."""
    for name in names:
        for source in client.sources:
            if value := source.variables.get(name):
                return Told(value, source)
    return None


def all_told(client: Client, name: str) -> list[Told]:
    """Every place that names a variable, the strongest first."""
    return [Told(source.variables[name], source) for source in client.sources if source.variables.get(name)]


def is_on(value: str) -> bool:
    return value.lower() not in ("", "0", "false", "no", "off")


def place(source: ClientSource) -> str:
    """Who says so, in words."""
    match source.scope:
        case "shell":
            return "this shell"
        case "managed policy":
            return "the managed policy"
        case "user":
            return "your settings"
        case "project":
            return "this project's settings"
        case "local":
            return "this project's local settings"
