"""The sidecars that one screen asks: the one that runs here, or those that were named, each under a name of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from clauditor.client import SidecarClient, connect
from clauditor.errors import ClauditorError
from clauditor.place import Place, own_url
from clauditor.text import clean

_NAME_CELLS = 16
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def connect_all(
    settings: Place, urls: Sequence[str], *, retry_seconds: float = 0.0
) -> dict[str, SidecarClient]:
    """A client for each of `urls` (`http://host:port`, or `name=` before it) by its name; one alone has the empty name.

    Raises ClauditorError for a token that is missing, an address that is none, and a name that stands twice.
    """
    if len(urls) < 2:
        url = _split(urls[0])[1] if urls else None
        return {"": connect(settings, url, retry_seconds=retry_seconds)}
    clients: dict[str, SidecarClient] = {}
    for given in urls:
        name, url = _split(given)
        client = connect(settings, url, retry_seconds=retry_seconds)
        name = name or _name(settings, url)
        if name in clients:
            raise ClauditorError(f"Two sidecars would be called {name}; name them: --url NAME=URL.")
        clients[name] = client
    return clients


def first_answers(clients: Mapping[str, SidecarClient]) -> None:
    """Return once any of them answers. Raises the first one's ClauditorError if none does."""
    refusals: list[ClauditorError] = []

    def ask(client: SidecarClient) -> None:
        try:
            client.summary()
        except ClauditorError as error:
            refusals.append(error)

    with ThreadPoolExecutor(max_workers=len(clients)) as threads:
        list(threads.map(ask, clients.values()))
    if len(refusals) == len(clients):
        raise refusals[0]


def local_name(settings: Place, urls: Sequence[str]) -> str | None:
    """What the sidecar of this very machine is called among `urls`; None: it is not among them."""
    own = urlsplit(own_url(settings))
    for given in urls:
        name, url = _split(given)
        parts = urlsplit(url)
        if parts.port == own.port and parts.hostname in {own.hostname, *_LOOPBACK}:
            return "" if len(urls) == 1 else name or _name(settings, url)
    return None if urls else ""


def _split(given: str) -> tuple[str, str]:
    """`build=http://127.0.0.1:9191` as name and address; an address alone has the empty name."""
    name, equals, url = given.partition("=")
    return (clean(name, _NAME_CELLS), url) if equals and "://" not in name else ("", given)


def _name(settings: Place, url: str) -> str:
    """`build` for `http://build:9091`; `:9191` for the end of a tunnel; `here` for our own."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host not in _LOOPBACK:
        return clean(host, _NAME_CELLS)
    return "here" if parts.port == urlsplit(own_url(settings)).port else f":{parts.port}"
