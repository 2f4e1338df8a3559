"""One value of a setting at a time: each function checks what was written and gives it back in one form.

All raise ValueError with the reason, which is shown behind the name and the place of the setting.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from clauditor.text import clean

Parser = Callable[[object], object]

SHOWN_CELLS: Final = 60  # of a value or a name that is wrong
_UPSTREAM_EXAMPLE: Final = "https://api.anthropic.com"
_PATH_LETTERS: Final = r"A-Za-z0-9\-._~!$&'()*+,;=:@%/"
_MOST: Final = 1e15  # larger than any number of bytes, tokens or seconds that makes sense
_MOST_ARGUMENTS: Final = 64


def parse_upstream(value: object) -> str:
    """An http or https address with host, optional port and path prefix, without the last slash."""
    text = parse_text(value)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f'"{text}" is no address like {_UPSTREAM_EXAMPLE}') from error
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not _is_host(host) or port == 0:
        raise ValueError(f'"{text}" is no address like {_UPSTREAM_EXAMPLE}')
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("an upstream takes a host, a port and a path, no user name, query or fragment")
    if not re.fullmatch(rf"[{_PATH_LETTERS}]*", parts.path):
        raise ValueError(f'"{parts.path}" is no path that HTTP can carry')
    authority = f"[{host}]" if ":" in host else host
    if port is not None and port != (443 if parts.scheme == "https" else 80):
        authority += f":{port}"
    return f"{parts.scheme}://{authority}{parts.path.rstrip('/')}"


def parse_upstream_proxy(value: object) -> str:
    """`host:port` of an HTTP proxy (also written as a http:// address), or `none` for no proxy at all."""
    text = parse_text(value)
    if text == "none":
        return text
    try:
        parts = urlsplit(text if "://" in text else "http://" + text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f'"{text}" is no proxy like proxy.example.com:3128') from error
    if parts.username is not None:
        raise ValueError("a proxy that asks for a password is not supported; give one that does not")
    if parts.scheme != "http" or not _is_host(parts.hostname or "") or parts.path.strip("/"):
        raise ValueError(f'"{text}" is no proxy like proxy.example.com:3128 (plain HTTP to the proxy itself)')
    host = parts.hostname or ""
    return f"[{host}]:{port or 80}" if ":" in host else f"{host}:{port or 80}"


def parse_webhook(value: object) -> str:
    """An https address, or an http one of this machine.

    The reasons never repeat it: the path of a webhook is a secret, and reasons end up in logs.
    """
    reason = "expected an address like https://hooks.example.com/path"
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(reason)
    try:
        parts = urlsplit(value.strip())
        port = parts.port
    except ValueError:
        raise ValueError(reason) from None
    if parts.scheme not in ("http", "https") or not _is_host(parts.hostname or "") or port == 0:
        raise ValueError(reason)
    if parts.username is not None or parts.fragment:
        raise ValueError("a webhook takes a host, a port, a path and a query, no user name or fragment")
    if not re.fullmatch(rf"[{_PATH_LETTERS}]*", parts.path) or not re.fullmatch(
        rf"[{_PATH_LETTERS}?]*", parts.query
    ):
        raise ValueError("its path has letters that HTTP cannot carry")
    if parts.scheme == "http" and not _is_loopback(parts):
        raise ValueError("plain http is for this machine only; give an https:// address")
    return value.strip()


def parse_port(value: object) -> int:
    number = _whole(value)
    if not 0 <= number <= 65535:
        raise ValueError(f"{number} is no port; choose 1 to 65535, or 0 for any free one")
    return number


def parse_path(value: object) -> Path:
    text = str(value) if isinstance(value, Path) else parse_text(value)
    if not text or "\0" in text:
        raise ValueError("expected a path")
    return Path(os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111 - keeps symlinks, as typed


def parse_flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    words = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    text = parse_text(value).lower()
    if text not in words:
        raise ValueError(f'"{text}" is neither true nor false')
    return words[text]


def parse_host(value: object) -> str:
    text = parse_text(value)
    if not _is_host(text):
        raise ValueError(f'"{text}" is no host name or address')
    return text


def parse_hosts(value: object) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)):
        raise wrong("a list of host names", value)
    return tuple(parse_host(item) for item in items if item)


def parse_command(value: object) -> tuple[str, ...]:
    """A program and its arguments, as they are started: no shell reads them. Empty: none."""
    if not isinstance(value, list) or not all(isinstance(item, str) and "\0" not in item for item in value):
        raise wrong('a list like ["/home/me/on-alert", "--quiet"]', value)
    if len(value) > _MOST_ARGUMENTS or (value and not value[0].strip()):
        raise ValueError("expected a program and at most 63 arguments")
    return tuple([os.path.expanduser(value[0]), *value[1:]] if value else ())  # noqa: PTH111 - a name on PATH stays one


def choice(*words: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        text = parse_text(value)
        if text not in words:
            raise ValueError(f'"{text}" is none of {", ".join(words)}')
        return text

    return parse


def choices(*words: str) -> Callable[[object], tuple[str, ...]]:
    """A parser of lists of these words, each at most once."""

    def parse(value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise wrong(f'a list like ["{words[0]}", "{words[1]}"]', value)
        found = tuple(map(choice(*words), value))
        if len(set(found)) < len(found):
            raise ValueError("something stands there twice")
        return found

    return parse


def number_from(least: float, *, whole: bool = False) -> Callable[[object], float]:
    """A parser of finite numbers that are not below `least`."""
    expected = f"a {'whole ' if whole else ''}number from {least:g} on"

    def parse(value: object) -> float:
        kinds = int if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= _MOST:
            raise wrong(expected, value)  # NaN too: it is not above anything
        return value

    return parse


def parse_patience(value: object) -> float:
    """A number of seconds, or 0 for ever; also as text: the environment has nothing else."""
    try:
        seconds = number_from(0)(float(value) if isinstance(value, str) else value)
    except ValueError:
        seconds = -1.0
    if seconds != 0 and seconds < 1:  # a shorter pause is everyday life
        raise wrong("0, or a number of seconds from 1 on", value)
    return seconds


def parse_text(value: object) -> str:
    if not isinstance(value, str):
        raise wrong("text", value)
    if not value.isprintable():  # urlsplit would drop a line break in silence
        raise wrong("one line of readable text", value)
    return value.strip()


def wrong(expected: str, value: object) -> ValueError:
    return ValueError(f"expected {expected}, not {clean(repr(value), SHOWN_CELLS)}")


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise wrong("a whole number", value)
    try:
        return int(value)
    except ValueError:
        raise ValueError(f'"{value}" is no whole number') from None


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        label = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
        return len(host) <= 253 and re.fullmatch(rf"{label}(\.{label})*\.?", host) is not None
    return "%" not in host  # no scoped IPv6 addresses: they do not survive a Host header


def _is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".") == "localhost"
