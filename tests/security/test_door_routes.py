"""Strangers at every route: whatever a foreign page or a rebound name sends is refused, and nothing changes."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from clauditor.edge.endpoints import ENDPOINTS
from security.door import BODIES, JSON, SESSION, Answer, Header, Wire, held, targets
from support.served import TOKEN, Sidecar, serving

HERE: Header = (b"host", b"127.0.0.1:9091")
BEARER: Header = (b"authorization", f"Bearer {TOKEN}".encode())
KEY = "/api/v1/page/key"

REBOUND: dict[str, list[Header]] = {
    name.decode("latin-1"): [(b"host", name)]
    for name in (
        b"attacker.example", b"attacker.example:9091", b"ATTACKER.EXAMPLE", b"attacker.example.", b"127.0.0.1.nip.io",
        b"127-0-0-1.sslip.io:9091", b"7f000001.rbndr.us", b"localtest.me", b"lvh.me:9091", b"localhost.attacker.example",
        b"attacker.example.localhost", b"foo.localhost", b"localhost.", b"LOCALHOST.:9091", b"127.0.0.1.", b"[::1].",
        b"localhost.localdomain", b"ip6-localhost", b"host.docker.internal", b"sidecar.internal.attacker.example",
        b"xsidecar.internal", b"sidecar.internal.", b"user@127.0.0.1", b"user:pass@127.0.0.1:9091",
        b"127.0.0.1@attacker.example", b"127.0.0.1:9091@attacker.example", b"127.0.0.1#@attacker.example",
        b"127.0.0.1:", b"127.0.0.1:0x2383", b"127.0.0.1:-1", b"127.0.0.1:999999", b"127.0.0.1:9091:9091", b"127.0.0.1:+80",
        b"[::]", b"[::]:9091", b"::1", b"[::1", b"::1]", b"[0:0:0:0:0:0:0:1]", b"[::ffff:127.0.0.1]", b"[::ffff:7f00:1]",
        b"[::1%25lo]", b"[::1%lo]", b"[fe80::1]", b"[v1.::1]", b"127.1", b"127.0.1", b"127.0.0.2", b"127.255.255.254",
        b"0.0.0.0", b"0", b"2130706433", b"0x7f000001", b"0x7f.0.0.1", b"0177.0.0.1", b"017700000001", b"127.0.0.01",
        b"127.0.0.1 ,attacker.example", b"127.0.0.1, 127.0.0.1", b"127.0.0.1 attacker.example", b"127.0.0.1\tx",
        b"attacker.example 127.0.0.1", b"", b" ", b"\t", b"-", b".", b"..", b"*", b"*.localhost", b"%31%32%37.0.0.1",
        b"localhost%00", b"localhost%2eattacker.example", b"http://127.0.0.1", b"//127.0.0.1", b"127.0.0.1/", b"127.0.0.1?",
        b"127.0.0.1#", b"127.0.0.1\\@attacker.example", b"xn--localhost-9091", b"xn--lcalhost-2db",
        "lоcalhost".encode(), "ⓛocalhost".encode(), "127。0。0。1".encode(), "１２７.0.0.1".encode(), b"localhost\xa0",
        b"localhost\x00", b"127.0.0.1\x0b", b"localhost\x7f", b"a" * 300, b"9091", b":9091", b"null", b"undefined",
    )
} | {
    "none at all": [],
    "two, ours first": [HERE, (b"host", b"attacker.example")],
    "two, ours last": [(b"host", b"attacker.example"), HERE],
    "ours twice": [HERE, HERE],
    "folded": [(b"host", b"127.0.0.1\r\n attacker.example")],
    "a forwarded one": [(b"host", b"attacker.example"), (b"x-forwarded-host", b"127.0.0.1")],
    "forwarded (RFC 7239)": [(b"host", b"attacker.example"), (b"forwarded", b"host=127.0.0.1")],
    "another header's name": [(b"host", b"attacker.example"), (b"x-host", b"127.0.0.1"), (b":authority", b"127.0.0.1")],
    "an origin that agrees": [(b"host", b"attacker.example"), (b"origin", b"http://attacker.example")],
    "same-origin to itself": [(b"host", b"attacker.example"), (b"sec-fetch-site", b"same-origin")],
}  # fmt: skip
"""By name: the headers of a page that made its own name lead here (the browser attaches what it has)."""

FOREIGN: dict[str, list[Header]] = {
    f"origin {origin.decode('latin-1')}": [(b"origin", origin)]
    for origin in (
        b"null", b"http://attacker.example", b"https://attacker.example", b"http://127.0.0.1", b"http://127.0.0.1:3000",
        b"http://127.0.0.1:9092", b"http://localhost:9091", b"http://[::1]:9091", b"https://127.0.0.1:9091.attacker.example",
        b"http://127.0.0.1:9091@attacker.example", b"http://user@127.0.0.1:9091", b"http://127.0.0.1:9091/",
        b"http://127.0.0.1:9091#", b"//127.0.0.1:9091", b"127.0.0.1:9091", b"", b"file://", b"about:blank", b"*",
        b"chrome-extension://aaaa", b"moz-extension://bbbb", b"vscode-webview://cccc", b"ftp://127.0.0.1:9091",
        b"ws://127.0.0.1:9091", b"http://127.0.0.1:9091 http://attacker.example", b"http://127.0.0.1:9091,null",
        "http://127.0.0.１:9091".encode(), b"data:text/html,x",
    )
} | {
    "two origins, ours first": [(b"origin", b"http://127.0.0.1:9091"), (b"origin", b"http://attacker.example")],
    "two origins, ours last": [(b"origin", b"null"), (b"origin", b"http://127.0.0.1:9091")],
    "cross-site by a script": [(b"sec-fetch-site", b"cross-site"), (b"sec-fetch-mode", b"no-cors")],
    "cross-site by a form": [
        (b"sec-fetch-site", b"cross-site"), (b"sec-fetch-mode", b"navigate"), (b"sec-fetch-user", b"?1"),
    ],
    "cross-site, in a frame": [(b"sec-fetch-site", b"cross-site"), (b"sec-fetch-dest", b"iframe")],
    "same-site, another port": [(b"sec-fetch-site", b"same-site"), (b"sec-fetch-mode", b"cors")],
    "two sites, ours first": [(b"sec-fetch-site", b"same-origin"), (b"sec-fetch-site", b"cross-site")],
    "a site nobody knows": [(b"sec-fetch-site", b"SAME-ORIGIN ")],
    "a preflight": [
        (b"origin", b"http://attacker.example"), (b"access-control-request-method", b"POST"),
        (b"access-control-request-headers", b"authorization,content-type"),
        (b"access-control-request-private-network", b"true"),
    ],
    "a WebSocket": [
        (b"origin", b"http://attacker.example"), (b"connection", b"Upgrade"), (b"upgrade", b"websocket"),
        (b"sec-websocket-version", b"13"), (b"sec-websocket-key", b"AAAAAAAAAAAAAAAAAAAAAA=="),
    ],
    "an event stream": [(b"origin", b"http://attacker.example"), (b"accept", b"text/event-stream")],
    "another method meant": [(b"origin", b"null"), (b"x-http-method-override", b"DELETE"), (b"x-method-override", b"PUT")],
}  # fmt: skip
"""By name: what a browser adds for a page of another origin; the token is sent too, as if it had been stolen."""

KINDS: dict[str, list[Header]] = {
    "none": [],
    "text": [(b"content-type", b"text/plain")],
    "text that says json": [(b"content-type", b"text/plain; application/json")],
    "a form": [(b"content-type", b"application/x-www-form-urlencoded")],
    "a form with parts": [(b"content-type", b"multipart/form-data; boundary=x")],
    "json in words": [(b"content-type", b"text/json")],
    "json, nearly": [(b"content-type", b"application/json-seq")],
    "json behind a comma": [(b"content-type", b"text/plain, application/json")],
    "empty": [(b"content-type", b"")],
}
METHODS = ("OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "QUERY", "get")


@pytest.fixture
async def sidecar(tmp_path: Path) -> AsyncIterator[Sidecar]:
    async with serving(tmp_path) as running:
        running.life(SESSION).turn()
        await running.settle()
        await running.feed.flush()
        yield running


@pytest.fixture
async def wire(sidecar: Sidecar) -> AsyncIterator[Wire]:
    wire = Wire(sidecar.port)
    yield wire
    wire.close()


@pytest.fixture
async def unchanged(sidecar: Sidecar) -> AsyncIterator[str]:
    """A code that lets a page in; at the end nothing has changed, and it is still good."""
    code = str((await sidecar.client.post("/api/v1/page/code", json={})).json()["code"])
    before = held(sidecar)
    yield code
    assert held(sidecar) == before
    assert (await sidecar.client.post(KEY, json={"code": code})).status_code == 200
    # Had any of it been let in, it would have shown: this one is.
    hooks = "/api/v1/hooks/claude-code"
    assert (await sidecar.client.post(hooks, json=BODIES[hooks])).status_code == 204
    assert held(sidecar) != before


def hold_to_form(answer: Answer) -> None:
    """No answer lets another page read it, sets a cookie or speaks another protocol; a refusal tells a code only."""
    loose = [name for name in answer.headers if name.startswith("access-control-") or name == "set-cookie"]
    assert loose == []
    assert answer.status != 101
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    if answer.body and answer.status >= 400:
        assert set(json.loads(answer.body)["error"]) == {"code", "message"}


def told(record: Callable[[str, object], None], what: str, cases: int, targets: int) -> None:
    record(what, f"{cases} cases x {targets} targets, all refused")
    sys.stdout.write(f"{what}: {cases} cases x {targets} targets = {cases * targets}, all refused\n")


def test_what_is_asked_is_every_route_of_the_app(sidecar: Sidecar) -> None:
    found = targets(sidecar)
    asked = {(target.route, target.method) for target in found}
    assert asked >= {(endpoint.path, endpoint.method) for endpoint in ENDPOINTS}
    assert asked >= {("/", "GET"), ("/static/{name}", "GET"), ("/static/{name}", "HEAD"), ("/nothing", "GET")}
    assert len(REBOUND) >= 50
    assert len(FOREIGN) + len(KINDS) + len(METHODS) >= 50


async def test_a_name_that_was_made_to_lead_here_opens_no_route(
    sidecar: Sidecar, wire: Wire, unchanged: str, record_property: Callable[[str, object], None]
) -> None:
    found = targets(sidecar)
    for target in found:
        for name, headers in REBOUND.items():
            answer = await wire.ask(
                target.method, target.path, [*headers, BEARER, JSON], target.body(unchanged)
            )
            hold_to_form(answer)
            assert answer.status in {400, 421}, (target, name)
    told(record_property, "rebinding", len(REBOUND), len(found))


@pytest.mark.parametrize(
    "authority", ["attacker.example", "127.0.0.1:9091", "127.0.0.1:9091@attacker.example"]
)
async def test_an_absolute_address_opens_no_route(
    sidecar: Sidecar, wire: Wire, unchanged: str, authority: str
) -> None:
    for target in targets(sidecar):
        for host in (authority.encode(), HERE[1]):
            headers = [(b"host", host), BEARER, JSON]
            answer = await wire.ask(
                target.method, f"http://{authority}{target.path}", headers, target.body(unchanged)
            )
            hold_to_form(answer)
            assert answer.status in {400, 404, 405, 421}, (target, host)


async def test_what_another_page_sends_is_refused_by_every_route(
    sidecar: Sidecar, wire: Wire, unchanged: str, record_property: Callable[[str, object], None]
) -> None:
    found = targets(sidecar)
    for target in found:
        for name, headers in FOREIGN.items():
            for kind in (JSON, (b"content-type", b"text/plain")) if target.method == "POST" else (JSON,):
                answer = await wire.ask(
                    target.method, target.path, [HERE, BEARER, *headers, kind], target.body(unchanged)
                )
                hold_to_form(answer)
                is_link = target.path == "/" and b"origin" not in dict(headers)  # it may be linked to
                assert answer.status == (200 if is_link else 403), (target, name)
    told(record_property, "foreign pages", len(FOREIGN), len(found))


async def test_without_the_token_nothing_is_read_or_done_whatever_the_body_says_it_is(
    sidecar: Sidecar, wire: Wire, unchanged: str, record_property: Callable[[str, object], None]
) -> None:
    """Also without any Origin: an old browser, another user's program."""
    found = targets(sidecar)
    for target in found:
        for name, headers in KINDS.items():
            answer = await wire.ask(target.method, target.path, [HERE, *headers], target.body(unchanged))
            hold_to_form(answer)
            if not target.is_public:
                assert answer.status == 401, (target, name)
                assert answer.headers["www-authenticate"] == 'Bearer realm="clauditor"'
            elif target.method == "POST":
                assert answer.status in {404, 405, 415}, (target, name)
    told(record_property, "without the token", len(KINDS), len(found))


async def test_even_with_the_token_a_change_takes_json(sidecar: Sidecar, wire: Wire, unchanged: str) -> None:
    for target in targets(sidecar):
        for name, headers in KINDS.items():
            if target.method == "POST":
                answer = await wire.ask("POST", target.path, [HERE, BEARER, *headers], target.body(unchanged))
                assert answer.status in {404, 405, 415}, (target, name)


async def test_no_other_method_is_answered(sidecar: Sidecar, wire: Wire, unchanged: str) -> None:
    for target in targets(sidecar):
        for method in METHODS:
            answer = await wire.ask(method, target.path, [HERE, BEARER, JSON])
            hold_to_form(answer)
            assert answer.status in {400, 404, 405}, (target, method)
            wire.close()


async def test_reading_changes_nothing(sidecar: Sidecar, wire: Wire, unchanged: str) -> None:
    """Also with a body, a query or a header that means another method."""
    override = [(b"x-http-method-override", b"POST"), (b"x-http-method", b"DELETE")]
    for target in targets(sidecar):
        if target.method == "POST" or target.path.endswith("/stream"):
            continue
        body = f"_method=DELETE&{target.path}".encode()
        for query in ("", "?_method=POST"):
            answer = await wire.ask(target.method, target.path + query, [HERE, BEARER, JSON, *override], body)
            assert answer.status in {200, 400, 404, 405}, target
