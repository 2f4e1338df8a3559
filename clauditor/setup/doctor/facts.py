"""Everything the checks may know: plain values, gathered at the rim (`look/`), judged without it (`checks/`).

A part that could not be seen, or not in time, is `Unseen`. Paths are as on this machine; addresses are redacted where
they are shown, not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from clauditor.setup.doctor.finding import Unseen
from clauditor.setup.doctor.known import Known

ProgramState = Literal["starting", "running", "unhealthy", "stopped"]
Scope = Literal["managed policy", "local", "project", "user", "shell"]

_NOT_LOOKED: Unseen = Unseen("nobody looked")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyProgram:
    """The program that runs now, else the one that the next start would take. `digest` is its SHA-256."""

    path: Path
    version: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One part of the stack. `trouble`: a sentence on one that does not start, or does not stay."""

    url: str
    pid: int | None
    state: ProgramState
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """`has_run`: it was started at least once from this data directory; `was_stopped`: a person stopped it."""

    has_run: bool
    was_stopped: bool
    supervisor_pid: int | None
    proxy: Program
    sidecar: Program
    version: str | None
    """Clauditor's, as it was when the stack was started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process that listens; `is_expected`: it is our own program, `is_same_user`: it belongs to this user."""

    name: str
    is_expected: bool
    is_same_user: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """`is_visible`: this system tells who listens; else `owners` is empty."""

    number: int
    owners: tuple[Owner, ...]
    is_visible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    proxy: Port
    api: Port


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateFile:
    """A file, socket or directory that is nobody else's business. `mode` are its permission bits."""

    path: Path
    mode: int
    is_ours: bool
    is_link: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The way to the upstream. `asked_by`: who chose another one than Anthropic. `proxy`: the company's, on the way.

    `text` says what became of one TLS handshake, in a sentence or two.
    """

    upstream: str
    is_anthropic: bool
    asked_by: str | None
    proxy: str | None
    is_reached: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One command of ours in a settings file. `missing` names its program if that does not exist."""

    event: str
    is_async: bool
    missing: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSource:
    """What one place tells Claude Code. `variables` are those that matter here; of the shell or a file's `env`.

    `trouble`: why the file could not be read. `hooks` are our own. `status_line`: ours (`status_line_missing` names
    its program if that does not exist), another's, or none.
    """

    scope: Scope
    path: Path | None = None
    trouble: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    hooks: tuple[Hook, ...] = ()
    status_line: Literal["ours", "another", "none"] = "none"
    status_line_missing: str | None = None
    hooks_disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Where Claude Code takes its settings from, the strongest first, and what Clauditor would install.

    `path` is None where it is not installed; `version` None where that cannot be told.
    """

    sources: tuple[ClientSource, ...]
    wanted_hooks: tuple[str, ...]
    path: Path | None
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """`free_bytes` for this user; `used_bytes` by the data directory (None: there is none yet)."""

    data_dir: Path
    free_bytes: int
    used_bytes: int | None
    is_read_only: bool
    has_inodes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The database file. `schema` as its head says it (None: no such file, or it is not there yet)."""

    path: Path
    exists: bool
    schema: int | None
    is_ours: bool
    is_read_only: bool
    newest_schema: int
    broken: tuple[str, ...]
    """Names of databases that were found broken and put aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What the sidecar says itself. Gaps are of the last day."""

    history_problem: str | None
    gaps: int
    unseen_bytes: int
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """How many files each running program may have open, by name; None: no limit."""

    soft: Mapping[str, int | None]
    hard: int | None
    """Of this shell: what the next start could have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """`zone` as people write it; `newest_file_at`: when something in the data directory was last written."""

    zone: str
    newest_file_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """`tmux` is its version, None where there is none."""

    tmux: str | None
    is_inside_tmux: bool
    python: str
    sqlite: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSettings:
    file: Path | None
    exists: bool
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """A Claude Code process that goes past Clauditor."""

    pid: int
    directory: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """`now` is wall time in Unix seconds, `home` the user's directory."""

    now: float
    home: Path
    known: Known
    envoy: EnvoyProgram | Unseen = _NOT_LOOKED
    stack: Stack | Unseen = _NOT_LOOKED
    ports: Ports | Unseen = _NOT_LOOKED
    files: tuple[PrivateFile, ...] | Unseen = _NOT_LOOKED
    way: Way | Unseen = _NOT_LOOKED
    client: Client | Unseen = _NOT_LOOKED
    passing: tuple[Passing, ...] | Unseen = _NOT_LOOKED
    disk: Disk | Unseen = _NOT_LOOKED
    history: History | Unseen = _NOT_LOOKED
    recording: Recording | Unseen = _NOT_LOOKED
    limits: FileLimits | Unseen = _NOT_LOOKED
    clock: Clock | Unseen = _NOT_LOOKED
    tools: Tools | Unseen = _NOT_LOOKED
    settings: OwnSettings | Unseen = _NOT_LOOKED
