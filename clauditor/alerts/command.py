"""Alerts as JSON on the standard input of a program of the person's own, started without a shell."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Final

from clauditor.alerts.alert import Alert, facts
from clauditor.alerts.program import Program
from clauditor.errors import ClauditorError

TIMEOUT_SECONDS: Final = 10.0
_VARIABLES: Final = ("PATH", "HOME", "LANG")


class Command:
    """`command` is a program and its arguments; it gets three variables of the environment."""

    name = "command"

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str] = os.environ,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._command = tuple(command)
        self._environ = {name: environ[name] for name in _VARIABLES if name in environ}
        self._timeout_seconds = timeout_seconds
        self._program = Program()

    @property
    def program(self) -> str:
        return self._command[0]

    def deliver(self, what: Alert) -> None:
        """Raises ClauditorError if it cannot be started, takes too long or ends with another code than 0."""
        text = json.dumps(facts(what)).encode() + b"\n"
        try:
            code = self._program.run(
                self._command, environ=self._environ, timeout_seconds=self._timeout_seconds, text=text
            )
        except TimeoutError:
            raise ClauditorError(
                f"{self.program} was ended after {self._timeout_seconds:g} s; let it start what takes longer "
                "in the background."
            ) from None
        except OSError as error:
            raise ClauditorError(
                f"{self.program} cannot be started ({error.strerror}); check command under [alerts] in config.toml."
            ) from error
        if code != 0:
            raise ClauditorError(
                f"{self.program} ended with code {code}; run it by hand with JSON on its standard input."
            )

    def close(self) -> None:
        self._program.close()
