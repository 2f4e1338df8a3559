"""Send Claude Code past the proxy and through it again, wherever `install` had written the proxy's address.

A running client takes up a changed base URL before its next prompt, but keeps its last one when the address is merely
removed (Claude Code 2.1.330); so the way back is an address too: the upstream's own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from clauditor.errors import ClauditorError
from clauditor.setup.json_text import get, parse, put
from clauditor.setup.own import BASE_URL
from clauditor.setup.record import Record, State, alone, digest, keep, records
from clauditor.setup.settings_file import read_settings, shown, write_settings

NOTICE_SECONDS: Final = 2.0
"""What a running client needs to take up a changed address, at most (docs/install.md)."""
_TRIES: Final = 3  # the client may write its settings at the very same moment


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """What became of it: the settings files that were rewritten, and a sentence for each that could not be."""

    changed: tuple[Path, ...] = ()
    problems: tuple[str, ...] = ()


def go_direct(data_dir: Path, *, reason: Literal["off", "down"]) -> Switched:
    """Write the upstream's own address where the proxy's stands; nothing installed: nothing happens.

    `off` holds until `on` or `install`, `down` until the next `up`. An address that somebody else has written stays.
    Never raises on what the files hold.
    """

    def direct(record: Record) -> Record:
        is_off = record.state == "off"  # what a person said holds on
        return dataclasses.replace(record, state="off" if is_off else reason)

    return _each(data_dir, direct)


def go_through(data_dir: Path, proxy_url: str, upstream: str, *, undo: Literal["down", "any"]) -> Switched:
    """Write the proxy's address, which may be another one by now, where `go_direct` had written the upstream's.

    `undo="down"` leaves alone what `off` did. Keys that were meant for a gateway of the user's are not sent to
    another upstream: that is one of the problems.
    """
    refused: dict[Path, str] = {}

    def through(record: Record) -> Record:
        gateway = record.own_gateway
        if gateway is not None and gateway.rstrip("/") != upstream.rstrip("/"):
            refused[record.path] = (
                f"{shown(record.path)} sent Claude to {gateway} before, and the proxy leads to {upstream}: Claude goes "
                f"direct. To go through the proxy: clauditor down, then clauditor up --upstream {gateway}"
            )
            return dataclasses.replace(record, state="down" if record.state == "on" else record.state)
        state: State = "off" if record.state == "off" and undo == "down" else "on"
        return dataclasses.replace(
            record,
            state=state,
            proxy_url=proxy_url,
            direct_url=gateway or upstream,
        )

    switched = _each(data_dir, through)
    changed = tuple(path for path in switched.changed if path not in refused)
    return Switched(changed=changed, problems=(*refused.values(), *switched.problems))


def _each(data_dir: Path, change: Callable[[Record], Record]) -> Switched:
    if not records(data_dir):
        return Switched()
    changed: list[Path] = []
    problems: list[str] = []
    try:
        with alone(data_dir):
            for record in records(data_dir):
                try:
                    if _switch(data_dir, record, change(record)):
                        changed.append(record.path)
                except ClauditorError as error:
                    problems.append(str(error))
    except OSError as error:
        problems.append(f"Cannot write to {data_dir}: {error.strerror}.")
    return Switched(changed=tuple(changed), problems=tuple(problems))


def _switch(data_dir: Path, before: Record, after: Record) -> bool:
    """Let the settings name the address of `after`, where they name one of `before`; whether they were rewritten."""
    for _ in range(_TRIES):
        file = read_settings(before.path)
        named = get(parse(file.text), BASE_URL) if file.content is not None else None
        if named not in {before.proxy_url, before.direct_url}:
            return False  # taken out, or another one: somebody has decided otherwise
        if named == after.current_url:
            keep(data_dir, after)
            return False
        content = file.encoded(put(file.text, BASE_URL, after.current_url))
        if before.holds(file.content):
            after = dataclasses.replace(after, written_sha256=digest(content))
        keep(data_dir, after)
        if write_settings(file, content):
            return True
    raise ClauditorError(f"{shown(before.path)} is being changed by another program; try again.")
