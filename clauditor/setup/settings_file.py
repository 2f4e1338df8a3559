"""Claude Code's settings file on disk: read with suspicion, written whole or not at all.

It belongs to the user: a symlink of theirs is followed (dotfiles under version control), mode and owner stay.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clauditor.errors import ClauditorError
from clauditor.setup.json_text import parse
from clauditor.setup.own import settings_problem

LIMIT_BYTES: Final = 1 << 20  # real ones have a few KB
_BOM: Final = "\ufeff"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFile:
    """A settings file as it was read: `path` as the client names it, `target` where its bytes are."""

    path: Path
    target: Path
    content: bytes | None
    """None: there is no such file."""

    @property
    def text(self) -> str:
        """Its JSON text, without a byte order mark; empty if there is no file."""
        return (self.content or b"").decode("utf-8").removeprefix(_BOM)

    def encoded(self, text: str) -> bytes:
        """A text as it would stand in this file."""
        has_mark = (self.content or b"").startswith(_BOM.encode())
        return ((_BOM if has_mark else "") + text).encode("utf-8")


def user_settings(environ: Mapping[str, str]) -> Path:
    """Where the client keeps the user's settings."""
    chosen = environ.get("CLAUDE_CONFIG_DIR")
    directory = Path(chosen) if chosen else Path.home() / ".claude"
    return Path(os.path.abspath(directory)) / "settings.json"  # noqa: PTH100 - keeps symlinks


def shown(path: Path) -> str:
    """A path as people write it."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def read_settings(path: Path) -> SettingsFile:
    """The file, checked: it can be changed and put back. Raises ClauditorError with one sentence if not."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 - keeps symlinks, as the user knows the file
    try:
        target = _followed(path)
        content = _content(path, target)
    except OSError as error:
        raise ClauditorError(f"Cannot read {shown(path)}: {error.strerror}; nothing was changed.") from error
    found = SettingsFile(path=path, target=target, content=content)
    try:
        problem = settings_problem(parse(found.text))
    except UnicodeDecodeError:
        problem = "it is not UTF-8"
    except ValueError as error:
        problem = f"it is {error}" if str(error).startswith("n") else f"it has {error}"
    if problem:
        raise ClauditorError(f"{shown(path)} cannot be changed: {problem}; mend it, nothing was changed.")
    return found


def write_settings(file: SettingsFile, content: bytes | None) -> bool:
    """Replace the file's bytes in one step (None: remove the file); False if it was changed since it was read.

    Raises ClauditorError if it cannot be written; then it is as it was.
    """
    directory = file.target.parent
    beside: Path | None = None
    try:
        if content is None:
            if not _is_as_read(file):
                return False
            file.target.unlink(missing_ok=True)
            return True
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".settings.", suffix=".clauditor", dir=directory)
        beside = Path(name)
        with os.fdopen(descriptor, "wb") as written:
            written.write(content)
            if file.content is not None:
                _as_before(written.fileno(), file.target.stat())
            written.flush()
            os.fsync(written.fileno())
        if not _is_as_read(file):
            return False
        beside.replace(file.target)
        _sync_directory(directory)
    except OSError as error:
        raise ClauditorError(
            f"Cannot write {shown(file.target)}: {error.strerror}; it is as it was."
        ) from error
    finally:
        if beside is not None:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
    return True


def _followed(path: Path) -> Path:
    """Where the bytes are. Raises ClauditorError for a symlink that is not the user's, or leads nowhere."""
    target = path.parent.resolve() / path.name
    for _ in range(40):  # as many as Linux follows
        if not target.is_symlink():
            return target
        if target.lstat().st_uid != os.getuid():
            raise ClauditorError(f"{shown(target)} is a symbolic link of another user; nothing was changed.")
        target = (target.parent / target.readlink()).parent.resolve() / (
            target.parent / target.readlink()
        ).name
        if not target.exists() and not target.is_symlink():
            raise ClauditorError(
                f"{shown(path)} is a symbolic link to {shown(target)}, which does not exist; make or remove it, nothing was changed."
            )
    raise ClauditorError(f"{shown(path)} is a symbolic link that leads in a circle; nothing was changed.")


def _content(path: Path, target: Path) -> bytes | None:
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise ClauditorError(f"{shown(path)} is {kind}; move it away, nothing was changed.")
    if found.st_uid != os.getuid():
        raise ClauditorError(f"{shown(target)} belongs to another user; nothing was changed.")
    if not found.st_mode & stat.S_IWUSR:
        raise ClauditorError(
            f"{shown(target)} is read-only; nothing was changed. To allow it: chmod u+w {target}"
        )
    if found.st_size > LIMIT_BYTES:
        raise ClauditorError(
            f"{shown(target)} is larger than a settings file can be (1 MiB); nothing was changed."
        )
    with target.open("rb") as file:
        return file.read(LIMIT_BYTES + 1)


def _is_as_read(file: SettingsFile) -> bool:
    try:
        return file.target.read_bytes() == file.content
    except FileNotFoundError:
        return file.content is None


def _as_before(descriptor: int, found: os.stat_result) -> None:
    os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
    if os.fstat(descriptor).st_gid != found.st_gid:
        with contextlib.suppress(PermissionError):  # a group the user is not in (any more)
            os.fchown(descriptor, -1, found.st_gid)


def _sync_directory(directory: Path) -> None:
    """Make a new name last over a power cut, where the file system can; the file itself is there already."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
