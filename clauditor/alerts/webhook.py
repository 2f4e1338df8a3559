"""Alerts as JSON to a web address: POST, five seconds, one more attempt, no redirects.

The address is a secret as a whole (its path is the key of most services): errors name its host only.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from clauditor import __version__
from clauditor.alerts.alert import Alert, facts
from clauditor.errors import ClauditorError

TIMEOUT_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 1.0
_ATTEMPTS: Final = 2
_WORTH_A_RETRY: Final = frozenset({408, 425, 429})


class Webhook:
    """`url` is https, or http of this machine (see `config.values.parse_webhook`)."""

    name = "webhook"

    def __init__(self, url: str) -> None:
        self.retries = 0
        self._parts = urlsplit(url)
        self._closing = threading.Event()
        self._connection: http.client.HTTPConnection | None = None

    @property
    def host(self) -> str:
        return self._parts.hostname or ""

    def deliver(self, what: Alert) -> None:
        """Raises ClauditorError if neither attempt was answered with success."""
        body = json.dumps(facts(what)).encode()
        for attempt in range(1, _ATTEMPTS + 1):
            is_last = attempt == _ATTEMPTS
            try:
                status = self._post(body)
            except ssl.SSLCertVerificationError as error:
                raise ClauditorError(
                    f"The certificate of {self.host} is not trusted ({error.verify_message}); "
                    "SSL_CERT_FILE may name the company's."
                ) from error
            except (OSError, http.client.HTTPException) as error:
                if is_last:
                    raise ClauditorError(f"{self.host} did not answer ({_in_words(error)}).") from error
            else:
                if 200 <= status < 300:
                    return
                if is_last or not (status >= 500 or status in _WORTH_A_RETRY):
                    raise ClauditorError(_refusal(self.host, status))
            self.retries += 1
            if self._closing.wait(RETRY_SECONDS):
                raise ClauditorError("Clauditor was stopped.")

    def close(self) -> None:
        self._closing.set()
        _hang_up(self._connection)

    def _post(self, body: bytes) -> int:
        """The status of one attempt; the answer's body is not read. Raises OSError, HTTPException."""
        connection = self._connection = self._connect()
        path = self._parts.path or "/"
        query = f"?{self._parts.query}" if self._parts.query else ""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"clauditor/{__version__}",
            "Connection": "close",
        }
        too_late = threading.Event()

        def give_up() -> None:
            too_late.set()
            _hang_up(connection)

        # A socket's own timeout starts anew with each byte; a server that drips must not hold us longer.
        timer = threading.Timer(TIMEOUT_SECONDS, give_up)
        timer.daemon = True
        timer.start()
        status = 0
        try:
            connection.connect()
            if not too_late.is_set():
                connection.request("POST", path + query, body, headers)
                status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            if not too_late.is_set():
                raise
        finally:
            timer.cancel()
            connection.close()
        if too_late.is_set():  # a head that is cut off looks like a whole one
            raise TimeoutError
        return status

    def _connect(self) -> http.client.HTTPConnection:
        if self._parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(
                self.host, self._parts.port, timeout=TIMEOUT_SECONDS, context=context
            )
        return http.client.HTTPConnection(self.host, self._parts.port, timeout=TIMEOUT_SECONDS)


def _hang_up(connection: http.client.HTTPConnection | None) -> None:
    sock = connection.sock if connection is not None else None
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(2)  # both ways: whoever reads is told that it is over


def _refusal(host: str, status: int) -> str:
    if 300 <= status < 400:
        return f"{host} answered {status}, a redirect, which is not followed; give the address it leads to."
    if status in (401, 403, 404, 410):
        return f"{host} answered {status}; check the address under [alerts] in config.toml."
    return f"{host} answered {status}."


def _in_words(error: OSError | http.client.HTTPException) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing within {TIMEOUT_SECONDS:g} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "the connection broke"
