"""Disk, modes, limits of open files, clock, other programs, our own settings."""

from __future__ import annotations

import os
import re
import resource
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apsw

from clauditor.proxy.running import Name, running
from clauditor.setup.doctor.facts import Clock, Disk, FileLimits, OwnSettings, PrivateFile, Tools
from clauditor.setup.doctor.look.asked import asked
from clauditor.setup.doctor.look.scene import Scene

FILES_COUNTED: Final = 10_000
_SOFT_LIMIT: Final = re.compile(r"^Max open files\s+(\S+)", re.MULTILINE)
_ASK_SECONDS: Final = 1.0


def look_at_files(scene: Scene) -> tuple[PrivateFile, ...]:
    run, data_dir = scene.run, scene.settings.data_dir
    paths = {
        data_dir: None,
        run.path: None,
        run.sockets: None,
        run.extproc_socket: None,
        run.admin_socket: None,
        data_dir / "token": None,
        data_dir / "salt": None,
        data_dir / "clauditor.db": None,
    }
    return tuple(_private(paths))


def look_at_disk(scene: Scene) -> Disk:
    data_dir = scene.settings.data_dir
    exists = data_dir.is_dir()
    place = data_dir if exists else next(parent for parent in data_dir.parents if parent.is_dir())
    found = os.statvfs(place)
    return Disk(
        data_dir=data_dir,
        free_bytes=found.f_bavail * found.f_frsize,
        used_bytes=_used(data_dir) if exists else None,
        is_read_only=bool(found.f_flag & os.ST_RDONLY) or not os.access(place, os.W_OK | os.X_OK),
        has_inodes=found.f_files == 0 or found.f_favail > 0,  # some file systems count none
    )


def look_at_limits(scene: Scene) -> FileLimits:
    soft: dict[str, int | None] = {}
    names: tuple[tuple[Name, str], ...] = (("envoy", "Envoy"), ("sidecar", "sidecar"))
    for name, shown in names:
        if (record := running(scene.run, name)) is None:
            continue
        try:
            text = Path(f"/proc/{record.process.pid}/limits").read_text(encoding="ascii")
        except OSError:
            continue
        if match := _SOFT_LIMIT.search(text):
            soft[shown] = int(match[1]) if match[1].isdecimal() else None
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return FileLimits(soft=soft, hard=None if hard == resource.RLIM_INFINITY else hard)


def look_at_clock(scene: Scene) -> Clock:
    newest = [file.stat(follow_symlinks=False).st_mtime for file in _files(scene.settings.data_dir)]
    local = time.localtime(scene.now)
    offset = time.strftime("%z", local)
    return Clock(
        zone=f"{local.tm_zone} ({offset[:3]}:{offset[3:]})", newest_file_at=max(newest, default=None)
    )


def look_at_tools(scene: Scene) -> Tools:
    return Tools(
        tmux=_tmux(scene),
        is_inside_tmux=bool(scene.environ.get("TMUX")),
        python=".".join(map(str, sys.version_info[:3])),
        sqlite=apsw.sqlite_lib_version(),
    )


def look_at_settings(scene: Scene) -> OwnSettings:
    settings = scene.settings
    return OwnSettings(
        file=settings.config_file,
        exists=settings.config_file is not None and settings.config_file.exists(),
        problems=settings.problems,
        warnings=settings.warnings,
    )


def _private(paths: dict[Path, None]) -> Iterator[PrivateFile]:
    for path in paths:
        try:
            found = path.lstat()
        except OSError:
            continue
        yield PrivateFile(
            path=path,
            mode=stat.S_IMODE(found.st_mode),
            is_ours=found.st_uid == os.getuid(),
            is_link=stat.S_ISLNK(found.st_mode),
        )


def _used(data_dir: Path) -> int:
    return sum(file.stat(follow_symlinks=False).st_size for file in _files(data_dir))


def _files(data_dir: Path) -> Iterator[os.DirEntry[str]]:
    """Files of the data directory and of `run/` in it; it has no deeper ones."""
    counted = 0
    for directory in (data_dir, data_dir / "run"):
        if not directory.is_dir():
            continue
        with os.scandir(directory) as entries:
            for entry in entries:
                counted += 1
                if counted > FILES_COUNTED:
                    return
                if entry.is_file(follow_symlinks=False):
                    yield entry


def _tmux(scene: Scene) -> str | None:
    path = shutil.which("tmux", path=scene.environ.get("PATH"))
    if path is None:
        return None
    said = asked(path, "-V", seconds=_ASK_SECONDS)
    return said.strip().removeprefix("tmux ") or "does not tell its version"
