"""One TLS handshake with the upstream before `up` says ready: is it there, and is it who it says it is?

Envoy checks every connection by itself and fails closed; this only finds the words a person needs. No request and
no credential is sent. Sources: Python `ssl`, the error texts of OpenSSL 3.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clauditor.proxy.upstream import Upstream
from clauditor.text import clean

TIMEOUT_SECONDS: Final = 2.0
ANSWER_LIMIT_BYTES: Final = 16384
COMMON_NAME: Final = bytes.fromhex("0603550403")  # the object identifier 2.5.4.3, encoded
BMP_STRING: Final = 0x1E
NAME_LIMIT_BYTES: Final = (
    127  # ub-common-name is 64 characters (RFC 5280 appendix A); longer ones have another form
)


@dataclass(frozen=True, slots=True)
class Reach:
    """What became of the attempt: whether it went well, and one line for a person."""

    ok: bool
    text: str


class Check:
    """A handshake under way in the background; a name server that hangs cannot hold anybody up."""

    def __init__(self, upstream: Upstream, trusted: Path, proxy: tuple[str, int] | None) -> None:
        self._upstream = upstream
        self._result = Reach(
            False, f"{upstream.host} does not answer within {TIMEOUT_SECONDS:.0f} s.{_GOES_ON}"
        )
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, args=(trusted, proxy), name="upstream", daemon=True)
        self._thread.start()

    def result(self) -> Reach:
        """The outcome, at the latest 2 s after the check began."""
        self._thread.join(max(0.0, self._began + TIMEOUT_SECONDS - time.monotonic()))
        return self._result

    def _run(self, trusted: Path, proxy: tuple[str, int] | None) -> None:
        upstream = self._upstream
        place = f"the company proxy {proxy[0]}:{proxy[1]}" if proxy else upstream.authority
        try:
            with socket.create_connection(
                proxy or (upstream.host, upstream.port), TIMEOUT_SECONDS
            ) as connection:
                if not upstream.tls:
                    self._result = Reach(
                        True, f"answers, {self._milliseconds()} ms; plain HTTP, not encrypted"
                    )
                    return
                if proxy and (refusal := _connect(connection, upstream)):
                    self._result = Reach(False, f"{place} refuses the way to {upstream.host}: {refusal}.")
                    return
                context = ssl.create_default_context(cafile=str(trusted))
                context.hostname_checks_common_name = False  # Envoy takes no name from the subject either
                with context.wrap_socket(connection, server_hostname=upstream.host):
                    self._result = Reach(True, f"TLS and name verified, {self._milliseconds()} ms")
        except ssl.SSLCertVerificationError as error:
            self._result = Reach(False, _certificate_words(upstream, error, lambda: self._issuer(proxy)))
        except socket.gaierror:
            host = proxy[0] if proxy else upstream.host
            self._result = Reach(False, f"{host} cannot be looked up (offline?).{_GOES_ON}")
        except TimeoutError:
            return
        except ssl.SSLError as error:
            reason = clean(error.reason or "no TLS there").lower().replace("_", " ")
            self._result = Reach(False, f"{place} does not speak TLS as expected: {reason}.")
        except OSError as error:
            reason = {
                errno.ECONNREFUSED: "refuses connections",
                errno.ECONNRESET: "cut the connection",
            }.get(error.errno or 0, f"cannot be reached ({error.strerror or 'no answer'})")
            self._result = Reach(False, f"{place} {reason}.{_GOES_ON}")

    def _issuer(self, proxy: tuple[str, int] | None) -> str | None:
        """Who signed the certificate that was refused, for a person to recognise; None if it does not say.

        A failed handshake does not show the certificate, so it is asked for again, on a connection of its own.
        """
        upstream = self._upstream
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # only to read; nothing is sent
        left = self._began + TIMEOUT_SECONDS - time.monotonic()
        with (
            contextlib.suppress(OSError),
            socket.create_connection(proxy or (upstream.host, upstream.port), max(0.1, left)) as connection,
        ):
            if proxy and _connect(connection, upstream):
                return None
            with context.wrap_socket(connection, server_hostname=upstream.host) as tls:
                return _first_common_name(tls.getpeercert(binary_form=True) or b"")
        return None

    def _milliseconds(self) -> int:
        return round((time.monotonic() - self._began) * 1000)


_GOES_ON: Final = " The proxy runs and connects as soon as it can."


def _connect(connection: socket.socket, upstream: Upstream) -> str | None:
    """Ask an HTTP proxy for a tunnel (RFC 9110 9.3.6); returns its refusal, if it refuses."""
    host = f"[{upstream.host}]" if ":" in upstream.host else upstream.host
    target = f"{host}:{upstream.port}"
    connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode("ascii"))
    answer = b""
    while b"\r\n\r\n" not in answer and len(answer) < ANSWER_LIMIT_BYTES:
        piece = connection.recv(1)  # not one byte past the head: TLS follows
        if not piece:
            break
        answer += piece
    status = clean(answer.partition(b"\r\n")[0].decode("latin-1"))
    with contextlib.suppress(IndexError):
        if status.split()[1].startswith("2"):
            return None
    return status or "no answer"


def _first_common_name(certificate: bytes) -> str | None:
    """The issuer's common name: the issuer stands in front of the subject (RFC 5280 4.1), as DER (X.690 8.1.3)."""
    _, oid, after = certificate.partition(COMMON_NAME)
    if not oid or len(after) < 2 or after[1] > NAME_LIMIT_BYTES:
        return None
    encoding = "utf-16-be" if after[0] == BMP_STRING else "utf-8"
    return clean(after[2 : 2 + after[1]].decode(encoding, errors="replace")) or None


def _certificate_words(
    upstream: Upstream, error: ssl.SSLCertVerificationError, issuer: Callable[[], str | None]
) -> str:
    start = f"Envoy runs, but {upstream.host} does not pass TLS:"
    if error.verify_code in (62, 64):  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
        return f"{start} its certificate is for another name. Check --upstream."
    if error.verify_code == 10:  # X509_V_ERR_CERT_HAS_EXPIRED
        return f"{start} its certificate has expired, or this machine's clock is wrong."
    if error.verify_code in (
        18,
        19,
        20,
        21,
    ):  # X509_V_ERR_*SELF_SIGNED*, *UNABLE_TO_*: nobody known signed it
        name = issuer()
        named = f' "{name}"' if name else ""
        return f"{start} unknown issuer{named}. Give the company's CA: clauditor up --upstream-ca FILE"
    return f"{start} {clean(error.verify_message)}."
