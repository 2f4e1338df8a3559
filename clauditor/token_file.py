"""The file with the API's secret: made on first use, read, replaced. One line of text, for this user only.

It always has its whole content under its name: a new one is written beside it and put in its place (rename(2)). No
symbolic link is followed to or from a file of our own; one that somebody else keeps (`token_file`) is read as it is,
and never written.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from clauditor.errors import ClauditorError

MIN_TOKEN_LENGTH: Final = 16
MAX_TOKEN_LENGTH: Final = 4096
_TOKEN_BYTES: Final = 32

_TOKEN: Final = re.compile(rf"[!-~]{{{MIN_TOKEN_LENGTH},{MAX_TOKEN_LENGTH}}}")


def load_or_create_token(path: Path, *, may_create: bool = True) -> str:
    """The token in `path`, made on first use. `may_create` is False for a file that somebody else keeps.

    Raises ClauditorError.
    """
    with suppress(FileNotFoundError):
        return read_token(path, is_ours=may_create)
    if not may_create:
        raise ClauditorError(
            f"The token file {path} does not exist; write a secret of at least {MIN_TOKEN_LENGTH} letters to it."
        )
    fresh, _ = _written_beside(path)
    try:
        with suppress(FileExistsError):  # another process was first: its token is the one
            os.link(fresh, path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        fresh.unlink()
    return read_token(path)


def rotate_token(path: Path) -> str:
    """Put a new token in the place of the one in `path`, whatever that holds, with the same owner; returns it.

    Raises ClauditorError, and leaves everything as it was.
    """
    if path.is_symlink():
        raise ClauditorError(f"{path} is a symbolic link, which a secret must not be; remove it first.")
    fresh, token = _written_beside(path)
    try:
        with suppress(FileNotFoundError):
            before = path.stat()
            if os.geteuid() == 0:  # else whoever read it so far (a container's user) could not any more
                os.chown(fresh, before.st_uid, before.st_gid)
        fresh.replace(path)
    except OSError as error:
        fresh.unlink()
        raise _cannot_write(path, error) from error
    return token


def read_token(path: Path, *, is_ours: bool = True) -> str:
    """The token in `path`; one of ours that others could read is closed to them.

    Raises FileNotFoundError, or ClauditorError for a file that cannot serve.
    """
    try:
        descriptor = os.open(
            path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (os.O_NOFOLLOW if is_ours else 0)
        )
        with os.fdopen(descriptor, encoding="utf-8") as file:
            if is_ours and os.fstat(descriptor).st_mode & 0o077:
                os.fchmod(descriptor, 0o600)
            token = file.read(MAX_TOKEN_LENGTH + 2).strip()
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise ClauditorError(
            f"Cannot read the token file {path} ({why}); name another with --token-file."
        ) from error
    if not _TOKEN.fullmatch(token):
        remedy = (
            "for a new one: clauditor token rotate"
            if is_ours
            else f"write a secret of at least {MIN_TOKEN_LENGTH} letters to it"
        )
        raise ClauditorError(f"{path} holds no token; {remedy}.")
    return token


def _written_beside(path: Path) -> tuple[Path, str]:
    """A file beside `path` with a new token in it, safe on the disk; and the token."""
    fresh, token = path.with_name(f".{path.name}.{secrets.token_hex(8)}"), secrets.token_urlsafe(_TOKEN_BYTES)
    try:
        descriptor = os.open(
            fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(token + "\n")
                file.flush()
                os.fsync(descriptor)
        except OSError:
            fresh.unlink()
            raise
    except OSError as error:
        raise _cannot_write(path, error) from error
    return fresh, token


def _cannot_write(path: Path, error: OSError) -> ClauditorError:
    return ClauditorError(f"Cannot write the token file {path}: {error.strerror}.")
