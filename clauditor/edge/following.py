"""The token as its file has it now: a new one is taken over without a restart.

The file is looked at for every request (stat(2), 2 µs), so the old token is refused from the moment the new one is in
place. What cannot be read changes nothing: the token of before goes on.
"""

from __future__ import annotations

import logging
from pathlib import Path

from clauditor.errors import ClauditorError
from clauditor.token_file import load_or_create_token, read_token

log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int, int]


class FollowedToken:
    """Call it for the token. `is_ours`: the file is in our data directory, and made if it is not there.

    Raises ClauditorError if there is no token to begin with.
    """

    def __init__(self, path: Path, *, is_ours: bool) -> None:
        self._path = path
        self._is_ours = is_ours
        self._token = load_or_create_token(path, may_create=is_ours)
        self._stamp: _Stamp | None = None

    def __call__(self) -> str:
        """The token now. Never raises."""
        stamp = self._look()
        if stamp is not None and stamp != self._stamp:
            self._stamp = stamp
            try:
                self._token = read_token(self._path, is_ours=self._is_ours)
            except (ClauditorError, FileNotFoundError) as error:
                log.warning("the token of before goes on: %s", error)
        return self._token

    def _look(self) -> _Stamp | None:
        """What tells one content of the file from the next; None where there is none."""
        try:
            found = self._path.stat(follow_symlinks=not self._is_ours)
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
