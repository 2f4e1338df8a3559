"""`install` and `uninstall` of one settings file: what will be written is known, and shown, before it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clauditor.errors import ClauditorError
from clauditor.setup.json_text import MISSING, get, parse
from clauditor.setup.own import BASE_URL, STATUS_LINE, Wanted, status_line_command, with_ours, without_ours
from clauditor.setup.record import Record, alone, digest, forget, keep, record_of
from clauditor.setup.settings_file import SettingsFile, read_settings, shown, write_settings

WHY: Final[Mapping[str, str]] = {
    "ANTHROPIC_BASE_URL": "requests go through the proxy on this machine",
    "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "each request says which agent and prompt it belongs to",
    "ENABLE_TOOL_SEARCH": "tool search stays on, as without a proxy",
    "NO_PROXY": "your company proxy is not asked for this machine's own address",
    "no_proxy": "the same for programs that read this spelling",
}
_TRIES: Final = 3  # the client may write its settings at the very same moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A settings file as `install` finds it: `base` is its text without anything of ours, `original` those bytes."""

    file: SettingsFile
    before: Record | None
    base: str
    original: bytes | None

    @property
    def settings(self) -> Any:
        """The user's settings as they are without us."""
        return parse(self.base)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `install` would do: `lines` for a person, `text` to stand in the file; not `changes`: it stands there."""

    ground: Ground
    wanted: Wanted
    text: str
    changes: bool
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What `uninstall` did: `exact`: the file is byte for byte as it was before; else `names` were taken out."""

    exact: bool
    names: tuple[str, ...]


def look(data_dir: Path, path: Path, *, urls: frozenset[str]) -> Ground:
    """Read the file at `path`; `urls` are addresses that are our own.

    Raises ClauditorError, in one sentence, for a file that cannot be changed and put back.
    """
    file = read_settings(path)
    before = record_of(data_dir, file.path)
    if before is not None and before.holds(file.content):
        return Ground(file=file, before=before, base=before.known().original, original=before.original)
    base, names = without_ours(file.text, before.known() if before else None, urls=urls)
    original = None if file.content is None else file.encoded(base) if names else file.content
    return Ground(file=file, before=before, base=base, original=original)


def plan_install(ground: Ground, wanted: Wanted) -> Plan:
    """What would be written; writes nothing."""
    text = with_ours(ground.base, wanted)
    stands = ground.file.content is not None and parse(text) == parse(ground.file.text)
    return Plan(
        ground=ground,
        wanted=wanted,
        text=ground.file.text if stands else text,
        changes=not stands,
        lines=_lines(ground, wanted),
    )


def apply(data_dir: Path, plan: Plan, *, upstream: str) -> bool:
    """Write what was planned; False if the file was changed since, and has to be looked at anew.

    Raises ClauditorError if it cannot be written; then it is as it was.
    """
    file, before = plan.ground.file, plan.ground.before
    content = file.encoded(plan.text)
    gateway = get(plan.ground.settings, BASE_URL)
    record = Record(
        path=file.path,
        original=plan.ground.original,
        made_directory=before.made_directory if before else not file.target.parent.exists(),
        written_sha256=digest(content),
        env={name: value for name, value in plan.wanted.env.items() if name != BASE_URL[1]},
        proxy_url=plan.wanted.env[BASE_URL[1]],
        direct_url=gateway if isinstance(gateway, str) and gateway else upstream,
    )
    _write_down(data_dir, record)  # first: what is written and not known could not be undone
    return not plan.changes or write_settings(file, content)


def is_installed(data_dir: Path, path: Path, *, urls: frozenset[str], upstream: str) -> bool:
    """Whether anything of ours is in the file; a record that was lost is made anew, as far as the file tells.

    Raises ClauditorError as `look` does, or if the record cannot be written.
    """
    ground = look(data_dir, path, urls=urls)
    if ground.before is not None or ground.file.content is None or ground.base == ground.file.text:
        return ground.before is not None
    named = get(parse(ground.file.text), BASE_URL)
    record = Record(
        path=ground.file.path,
        original=ground.original,
        made_directory=False,
        written_sha256=digest(ground.file.content),
        env={},
        proxy_url=named if isinstance(named, str) else "",
        direct_url=upstream,
    )
    _write_down(data_dir, record)
    return True


def uninstall(data_dir: Path, path: Path, *, urls: frozenset[str]) -> Removed | None:
    """Put the file back; None if nothing of ours is in it. Raises ClauditorError if it cannot be written."""
    for _ in range(_TRIES):
        file = read_settings(path)
        record = record_of(data_dir, file.path)
        if record is not None and record.holds(file.content):
            done, content = Removed(exact=True, names=()), record.original
        else:
            text, names = without_ours(file.text, record.known() if record else None, urls=urls)
            if not names:
                _forget(data_dir, record)
                return None
            done, content = Removed(exact=False, names=names), file.encoded(text)
        if write_settings(file, content):
            if content is None and record is not None and record.made_directory:
                _remove_if_empty(file.target.parent)
            _forget(data_dir, record)
            return done
    raise ClauditorError(f"{shown(path)} is being changed by another program; try again.")


def _write_down(data_dir: Path, record: Record) -> None:
    try:
        with alone(data_dir):
            keep(data_dir, record)
    except OSError as error:
        raise ClauditorError(
            f"Cannot write to {data_dir}: {error.strerror}; your settings were not changed."
        ) from error


def _forget(data_dir: Path, record: Record | None) -> None:
    if record is not None:
        with alone(data_dir):
            forget(data_dir, record)


def _remove_if_empty(directory: Path) -> None:
    if not any(directory.iterdir()):
        directory.rmdir()


def _lines(ground: Ground, wanted: Wanted) -> tuple[str, ...]:
    file, there = ground.file, ground.settings
    lines = [shown(file.path) + (f"  (a link to {shown(file.target)})" if file.path.is_symlink() else "")]
    width = max(len(name) for name in wanted.env)
    for name, value in wanted.env.items():
        was = get(there, ("env", name))
        instead = f"; now {was}" if was not in (MISSING, value) else ""
        lines.append(f"  env.{name:<{width}}  {value}\n      {WHY[name]}{instead}")
    line = status_line_command(there, wanted.status_line)
    if line is None:
        lines.append("  statusLine is of a kind Clauditor does not know, and is left alone")
    else:
        around = "" if get(there, STATUS_LINE) is MISSING else ", below the line you have"
        lines.append(f"  statusLine  {line}\n      the session's own verdict under its prompt{around}")
    lines.append(
        f"  hooks  {wanted.hook}\n"
        "      seven events, none of which Claude waits for: dialogs show at once, a proxy that is\n"
        "      missing after a reboot is started; your own hooks stay"
    )
    return tuple(lines)
