"""Where the sidecar is, what lets one in, and whom that may be told."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from clauditor.errors import ClauditorError
from clauditor.peer import may_be_told
from clauditor.token_file import read_token

NOT_RUNNING: Final = "Clauditor does not run here. Start it: clauditor up"

_SIDECAR_LOCK: Final = "run/sidecar.lock"  # in the data directory; held while it lives
_REACHED: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a wildcard listener is reached


class Place(Protocol):
    """The settings that say where the sidecar is and what it takes to be let in."""

    @property
    def data_dir(self) -> Path: ...
    @property
    def token_file(self) -> Path | None: ...
    @property
    def tokens(self) -> Mapping[str, Path]: ...
    @property
    def api_host(self) -> str: ...
    @property
    def api_port(self) -> int: ...


def own_url(settings: Place) -> str:
    """Where the sidecar serves: as it was started, else as the settings say."""
    host, port = settings.api_host, settings.api_port
    try:
        plan = json.loads((settings.data_dir / "run" / "stack.json").read_bytes())
        host, port = str(plan["api_host"]), int(plan["api_port"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # started by hand, or not at all
    host = _REACHED.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@dataclass(frozen=True, slots=True)
class Credential:
    """`token` reads the secret as it is now, or raises ClauditorError; `may_be_told` looks who took a connection."""

    token: Callable[[], str]
    may_be_told: Callable[[socket.socket], bool] = may_be_told


def credential(settings: Place, url: str | None) -> Credential:
    """What lets one in at the sidecar of these settings, or at another one that `url` names."""
    own = None if url is None else settings.tokens.get(url.rstrip("/"))
    token_file = own or settings.token_file or settings.data_dir / "token"
    is_ours = own is None and settings.token_file is None

    def token() -> str:
        try:
            return read_token(token_file, is_ours=is_ours)
        except FileNotFoundError as error:
            if url is None and is_ours:
                raise ClauditorError(NOT_RUNNING) from error
            raise ClauditorError(
                f"There is no token in {token_file}; name its file with --token-file."
            ) from error

    lock = settings.data_dir / _SIDECAR_LOCK if url is None else None
    return Credential(token, partial(may_be_told, token_file=token_file, lock=lock))
