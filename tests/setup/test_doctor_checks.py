"""doctor's judgements: facts in, findings out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from clauditor.setup.doctor.catalogue import CHECKS
from clauditor.setup.doctor.facts import (
    Client,
    ClientSource,
    Clock,
    Disk,
    EnvoyProgram,
    Facts,
    FileLimits,
    History,
    Hook,
    Owner,
    OwnSettings,
    Passing,
    Port,
    Ports,
    PrivateFile,
    Program,
    Recording,
    Scope,
    Stack,
    Tools,
    Way,
)
from clauditor.setup.doctor.finding import Finding, Unseen
from clauditor.setup.doctor.known import Gap, Known, KnownProgram, is_older, load
from clauditor.setup.doctor.report import as_json, examine, lines

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC).timestamp()
HOME = Path("/home/me")
PROXY = "http://127.0.0.1:10000"
EVENTS = ("SessionStart", "Stop")


def known(**changes: Any) -> Known:
    envoy = KnownProgram(
        measured="1.40.0",
        newest="1.40.2",
        newest_on=date(2026, 10, 27),
        gaps=(Gap(fixed_in="1.39.9", text="a hole", is_problem=True), Gap(fixed_in="1.40.1", text="a nick")),
    )
    claude = KnownProgram(
        measured="2.1.330",
        newest=None,
        newest_on=None,
        gaps=(
            Gap(fixed_in="2.0.65", text="keys leak", is_problem=True),
            Gap(fixed_in="2.1.70", text="no names"),
        ),
    )
    return replace(Known(as_of=date(2026, 11, 22), envoy=envoy, claude_code=claude), **changes)


def owner(**changes: Any) -> Owner:
    return replace(Owner(name="envoy (pid 7)", is_expected=True, is_same_user=True), **changes)


def ports(*proxy: Owner, visible: bool = True) -> Ports:
    api = Port(number=9091, owners=(owner(name="clauditor (pid 8)"),), is_visible=visible)
    return Ports(proxy=Port(number=10000, owners=proxy, is_visible=visible), api=api)


PROXY_PART = Program(url=PROXY, pid=7, state="running")
SIDECAR_PART = Program(url="http://127.0.0.1:9091", pid=8, state="running")
STACK = Stack(
    has_run=True, was_stopped=False, supervisor_pid=6, proxy=PROXY_PART, sidecar=SIDECAR_PART, version="0.1.0"
)
NOTHING = replace(
    STACK,
    supervisor_pid=None,
    proxy=replace(PROXY_PART, pid=None, state="stopped"),
    sidecar=replace(SIDECAR_PART, pid=None, state="stopped"),
)
HOOKS = tuple(Hook(event=event, is_async=True, missing=None) for event in EVENTS)
VARIABLES = {
    "ANTHROPIC_BASE_URL": PROXY,
    "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
    "ENABLE_TOOL_SEARCH": "true",
}
USER = ClientSource(
    scope="user",
    path=HOME / ".claude/settings.json",
    variables=VARIABLES,
    hooks=HOOKS,
    status_line="ours",
)


def source(scope: Scope, **variables: str) -> ClientSource:
    return ClientSource(scope=scope, path=HOME / f"{scope}.json", variables=variables)


def client(*sources: ClientSource, version: str | None = "2.1.330") -> Client:
    return Client(sources=sources, wanted_hooks=EVENTS, path=HOME / ".local/bin/claude", version=version)


WAY = Way(
    upstream="https://api.anthropic.com",
    is_anthropic=True,
    asked_by=None,
    proxy=None,
    is_reached=True,
    text="TLS and name verified, 38 ms",
)
DATABASE = History(
    path=HOME / "data/clauditor.db",
    exists=True,
    schema=2,
    is_ours=True,
    is_read_only=False,
    newest_schema=2,
    broken=(),
)
DISK = Disk(
    data_dir=HOME / "data", free_bytes=9 << 30, used_bytes=12 << 20, is_read_only=False, has_inodes=True
)
SEEN = Recording(history_problem=None, gaps=0, unseen_bytes=0, reasons={})
TOOLS = Tools(tmux="3.4", is_inside_tmux=True, python="3.12.1", sqlite="3.51.3")
ENVOY = EnvoyProgram(path=Path("/opt/envoy"), version="1.40.2", digest="ab" * 32)
WELL = Facts(
    now=NOW,
    home=HOME,
    known=known(),
    envoy=ENVOY,
    stack=STACK,
    ports=ports(owner()),
    files=(PrivateFile(path=HOME / "data", mode=0o700, is_ours=True, is_link=False),),
    way=WAY,
    client=client(USER),
    passing=(),
    disk=DISK,
    history=DATABASE,
    recording=SEEN,
    limits=FileLimits(soft={"Envoy": 20_000, "sidecar": None}, hard=20_000),
    clock=Clock(zone="CET (+01:00)", newest_file_at=NOW - 5),
    tools=TOOLS,
    settings=OwnSettings(file=HOME / "config.toml", exists=False, problems=(), warnings=()),
)


def finding(name: str, **parts: Any) -> Finding:
    """What the check of this name says of a machine that is well but for these parts."""
    return next(check for check in CHECKS if check.name == name).check(replace(WELL, **parts))


def test_a_machine_that_is_well_has_no_problem_and_one_note() -> None:
    report = examine(WELL)
    assert report.problems == ()
    notes = [entry.name for entry in report.entries if entry.finding.level == "note"]
    assert notes == ["behind a proxy"]  # what any proxy changes for the client is always worth knowing


def test_names_are_unique_and_fit_their_column() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) < 16


def test_what_could_not_be_seen_is_told_by_every_check_and_breaks_none() -> None:
    unseen = {name: Unseen("it slept") for name in Facts.__slots__ if name not in ("now", "home", "known")}
    report = examine(Facts(now=NOW, home=HOME, known=known(), **unseen))
    for entry in report.entries:
        if entry.name != "behind a proxy":
            assert entry.finding.level != "ok", entry.name
            assert "it slept" in entry.finding.text, entry.name


@pytest.mark.parametrize(
    ("name", "parts", "level", "words"),
    [
        ("envoy", {"envoy": Unseen("No Envoy for this machine")}, "problem", "No Envoy"),
        ("envoy", {"envoy": replace(ENVOY, version="1.39.1")}, "problem", "a hole"),
        ("envoy", {"envoy": replace(ENVOY, version="1.40.1")}, "note", "1.40.1, sha256 abab"),
        ("envoy", {"envoy": replace(ENVOY, version="1.41.0")}, "ok", "1.41.0"),
        ("supervisor", {"stack": replace(STACK, supervisor_pid=None)}, "problem", "gone"),
        ("supervisor", {"stack": NOTHING}, "note", "does not run"),
        ("supervisor", {"stack": replace(NOTHING, has_run=False)}, "note", "was never started"),
        ("supervisor", {"stack": replace(NOTHING, was_stopped=True)}, "note", "stopped by clauditor down"),
        (
            "proxy",
            {"stack": replace(STACK, proxy=replace(PROXY_PART, state="unhealthy"))},
            "problem",
            "not answer",
        ),
        (
            "proxy",
            {"stack": replace(STACK, proxy=replace(PROXY_PART, pid=None, state="stopped"))},
            "problem",
            "cannot reach the API",
        ),
        (
            "proxy",
            {
                "stack": replace(
                    STACK, proxy=replace(PROXY_PART, state="starting", trouble="Envoy was started 9 times.")
                )
            },
            "problem",
            "started 9 times",
        ),
        (
            "proxy",
            {"stack": replace(STACK, proxy=replace(PROXY_PART, state="starting"))},
            "note",
            "being started",
        ),
        (
            "sidecar",
            {"stack": replace(STACK, sidecar=replace(SIDECAR_PART, trouble="The sidecar ended 5 times."))},
            "problem",
            "ended 5 times",
        ),
        (
            "sidecar",
            {"stack": replace(STACK, sidecar=replace(SIDECAR_PART, state="unhealthy"))},
            "problem",
            "traffic goes on",
        ),
        (
            "proxy port",
            {"ports": ports(owner(), owner(name="nc (pid 9)", is_expected=False))},
            "problem",
            "nc (pid 9)",
        ),
        (
            "proxy port",
            {"ports": ports(owner(name="nc", is_expected=False, is_same_user=False)), "stack": NOTHING},
            "problem",
            "of another user",
        ),
        ("proxy port", {"ports": ports(), "stack": NOTHING}, "ok", "10000 is free"),
        ("proxy port", {"ports": ports()}, "problem", "nobody listens"),
        ("proxy port", {"ports": ports(visible=False)}, "note", "does not tell"),
        (
            "upstream",
            {"way": replace(WAY, upstream="https://llm.corp", is_anthropic=False)},
            "note",
            "not Anthropic's",
        ),
        (
            "upstream",
            {"way": replace(WAY, is_reached=False, text="x cannot be looked up (offline?). The proxy runs.")},
            "problem",
            "cannot be looked up",
        ),
        ("recording", {"recording": replace(SEEN, gaps=3, reasons={"restart": 3})}, "note", "3 exchanges"),
        ("recording", {"recording": Unseen("refused"), "stack": NOTHING}, "note", "nothing is recorded now"),
        ("history", {"history": replace(DATABASE, schema=9)}, "problem", "newer Clauditor"),
        ("history", {"history": replace(DATABASE, is_ours=False)}, "problem", "no history of Clauditor"),
        ("history", {"history": replace(DATABASE, is_read_only=True)}, "problem", "cannot be written to"),
        ("history", {"history": replace(DATABASE, broken=("clauditor.db.broken-1",))}, "note", "broken-1"),
        (
            "history",
            {"recording": replace(SEEN, history_problem="The disk is full.")},
            "problem",
            "disk is full",
        ),
        ("history", {"history": replace(DATABASE, exists=False)}, "ok", "none yet"),
        ("claude", {"client": client(USER, version="2.0.36")}, "problem", "keys leak"),
        ("claude", {"client": client(USER, version="2.1.69")}, "note", "no names"),
        ("claude", {"client": client(USER, version="2.2.0")}, "note", "was measured with 2.1.330"),
        ("claude", {"client": client(USER, version=None)}, "note", "does not tell its version"),
        (
            "provider",
            {"client": client(source("shell", CLAUDE_CODE_USE_BEDROCK="1"), USER)},
            "note",
            "Amazon Bedrock",
        ),
        (
            "provider",
            {"client": client(source("shell", CLAUDE_CODE_USE_BEDROCK="0"), USER)},
            "ok",
            "Anthropic",
        ),
        ("hint headers", {"client": client(source("user", ANTHROPIC_BASE_URL=PROXY))}, "note", "is not set"),
        ("hooks", {"client": client()}, "note", "not installed"),
        ("hooks", {"client": client(replace(USER, hooks=HOOKS[:1]))}, "note", "not for Stop"),
        (
            "hooks",
            {"client": client(replace(USER, hooks=(replace(HOOKS[0], missing="/gone"),)))},
            "problem",
            "/gone",
        ),
        (
            "hooks",
            {"client": client(replace(USER, hooks=(replace(HOOKS[0], is_async=False),)))},
            "problem",
            "waits for those of SessionStart",
        ),
        ("hooks", {"client": client(replace(USER, hooks_disabled=True))}, "note", "disableAllHooks"),
        ("status line", {"client": client(replace(USER, status_line="another"))}, "note", "another one"),
        ("status line", {"client": client(replace(USER, status_line_missing="/gone"))}, "problem", "/gone"),
        (
            "not watched",
            {"passing": (Passing(pid=4121, directory="~/src/webshop"),)},
            "note",
            "4121 ~/src/webshop",
        ),
        (
            "behind a proxy",
            {"client": client(source("user", ANTHROPIC_BASE_URL=PROXY))},
            "note",
            "tool search",
        ),
        (
            "settings",
            {"settings": OwnSettings(file=None, exists=False, problems=("bad.",), warnings=())},
            "problem",
            "bad",
        ),
        (
            "settings",
            {"settings": OwnSettings(file=None, exists=False, problems=(), warnings=("odd",))},
            "note",
            "odd",
        ),
        ("disk", {"disk": replace(DISK, free_bytes=1 << 20)}, "problem", "1.0 MiB free"),
        ("disk", {"disk": replace(DISK, free_bytes=100 << 20)}, "note", "little"),
        ("disk", {"disk": replace(DISK, is_read_only=True)}, "problem", "cannot be written"),
        ("disk", {"disk": replace(DISK, has_inodes=False)}, "problem", "no further file"),
        ("open files", {"limits": FileLimits(soft={"Envoy": 256}, hard=256)}, "problem", "too few"),
        ("open files", {"limits": FileLimits(soft={}, hard=1024)}, "note", "the next start 1,024"),
        (
            "clock",
            {"now": datetime(2026, 1, 1, tzinfo=UTC).timestamp()},
            "problem",
            "before this Clauditor was made",
        ),
        ("clock", {"clock": Clock(zone="UTC", newest_file_at=NOW + 7200)}, "note", "2:00:00 younger"),
        ("tmux", {"tools": replace(TOOLS, tmux=None)}, "note", "cannot jump"),
        ("tmux", {"tools": replace(TOOLS, tmux="2.9a")}, "note", "older than 3.0"),
        ("python", {"tools": replace(TOOLS, sqlite="3.40.1")}, "ok", "one writer"),
    ],
)
def test_each_trouble_has_its_level_and_words(
    name: str, parts: dict[str, Any], level: str, words: str
) -> None:
    found = finding(name, **parts)
    assert (found.level, words in found.text or found.text) == (level, True)
    if level == "problem":
        assert found.remedy


@pytest.mark.parametrize(
    ("sources", "level", "words"),
    [
        ([USER], "ok", "your settings send Claude to http://127.0.0.1:10000"),
        ([source("shell", ANTHROPIC_BASE_URL="http://localhost:10000/")], "ok", "this shell sends Claude"),
        ([], "note", "nobody sets it"),
        ([source("user", ANTHROPIC_BASE_URL="https://api.anthropic.com"), source("shell", ANTHROPIC_BASE_URL=PROXY)],
         "note", "past Clauditor; it beats this shell"),
        ([source("managed policy", ANTHROPIC_BASE_URL="https://llm.corp"), USER],
         "note", "the managed policy sends Claude to https://llm.corp, past Clauditor; it beats your settings"),
        ([source("project", ANTHROPIC_BASE_URL="https://evil.example"), USER], "problem", "with it go your key"),
        ([source("local", ANTHROPIC_BASE_URL="http://127.0.0.1:4444")], "problem", "which is not this proxy"),
        ([replace(USER, trouble="it is not valid JSON")], "problem", "~/.claude/settings.json cannot be used"),
    ],
)  # fmt: skip
def test_who_wins_the_base_url_is_said(sources: list[ClientSource], level: str, words: str) -> None:
    found = finding("base URL", client=client(*sources))
    assert (found.level, words in found.text or found.text) == (level, True)


def test_a_client_that_is_sent_to_a_proxy_that_does_not_run_is_a_problem() -> None:
    found = finding("base URL", stack=NOTHING)
    assert found.level == "problem"
    assert "cannot reach the API" in found.text
    assert found.remedy is not None
    assert "clauditor up" in found.remedy


@pytest.mark.parametrize(
    ("variables", "level"),
    [
        ({"HTTPS_PROXY": "http://proxy.corp:3128"}, "problem"),
        ({"HTTPS_PROXY": "http://proxy.corp:3128", "NO_PROXY": "corp.example,127.0.0.1"}, "ok"),
        ({"HTTPS_PROXY": "http://proxy.corp:3128", "no_proxy": "*"}, "ok"),
        ({}, "ok"),
    ],
)
def test_a_company_proxy_without_no_proxy_breaks_the_way_to_this_machine(
    variables: dict[str, str], level: str
) -> None:
    assert finding("company proxy", client=client(USER, source("shell", **variables))).level == level


def test_secrets_in_addresses_are_not_shown() -> None:
    address = "https://user:hunter2@llm.corp/?key=sk-ant-api03-abcdefghijklmnopqrstuvwxyz"
    shell = source("shell", ANTHROPIC_BASE_URL=address, HTTPS_PROXY="http://me:hunter2@proxy.corp:3128")
    parts: dict[str, Any] = {
        "client": client(shell),
        "way": replace(WAY, upstream=address, is_anthropic=False),
    }
    report = examine(replace(WELL, **parts))
    said = "\n".join(line.text for line in lines(report, 200, verbose=True)) + str(as_json(report))
    assert "hunter2" not in said
    assert "sk-ant" not in said
    assert "llm.corp" in said


def test_the_report_fits_its_width_and_needs_no_colour() -> None:
    report = examine(replace(WELL, stack=NOTHING, way=replace(WAY, is_reached=False, text="gone " * 60)))
    shown = list(lines(report, 80))
    assert max(len(line.text) for line in shown) <= 80
    assert any(line.text.startswith("!! problem  upstream ") for line in shown)
    assert any(line.text.startswith("   ok       python ") for line in shown)
    assert shown[-1].text == "2 problems, 4 notes. Begin with: upstream."


def test_hostile_names_reach_no_terminal() -> None:
    hostile = "\x1b]0;owned\x07evil\u202e"
    report = examine(
        replace(
            WELL,
            ports=ports(owner(name=hostile, is_expected=False)),
            passing=(Passing(pid=1, directory=hostile),),
            client=client(source("project", ANTHROPIC_BASE_URL=f"http://{hostile}"), USER, version=hostile),
        )
    )
    said = "".join(line.text for line in lines(report, 200, verbose=True))
    assert all(character.isprintable() for character in said)


def test_versions_compare_by_their_numbers() -> None:
    assert is_older("1.9.9", "1.40.0")
    assert not is_older("1.40.2", "1.40.2")
    assert is_older("3.0a", "3.1")


def test_envoys_age_is_told_and_as_of_which_day_another_is_the_newest() -> None:
    facts = replace(
        WELL,
        envoy=replace(ENVOY, version="1.40.0"),
        known=replace(known(), envoy=replace(known().envoy, gaps=(), released={"1.40.0": date(2026, 10, 1)})),
    )
    found = next(check for check in CHECKS if check.name == "envoy").check(facts)
    assert found.text.startswith("1.40.0 of 2026-10-01 (61 days old), sha256 abab")
    assert found.remedy is not None
    assert found.remedy.startswith("as of 2026-11-22, 1.40.2 of 2026-10-27 is newer")
    wrong_clock = next(check for check in CHECKS if check.name == "envoy").check(replace(facts, now=0.0))
    assert wrong_clock.text.startswith("1.40.0 of 2026-10-01, sha256 abab")


def test_every_place_that_sets_the_base_url_is_named_with_its_file() -> None:
    found = finding(
        "base URL", client=client(source("project", ANTHROPIC_BASE_URL="https://evil.example"), USER)
    )
    assert found.level == "problem"
    assert found.remedy == (
        "if you do not know that address, remove it from this project's settings (~/project.json)"
    )
    assert found.details == (
        "this project's settings (~/project.json): https://evil.example",
        f"your settings (~/.claude/settings.json): {PROXY}",
    )


def test_what_this_release_knows_is_dated_and_says_what_it_tests_with() -> None:
    found = load()
    assert found.as_of >= date(2026, 11, 22)
    assert found.envoy.newest is not None
    assert not is_older(found.envoy.newest, found.envoy.measured)
    assert found.envoy.newest_on is not None
    assert found.envoy.newest_on <= found.as_of
    assert found.envoy.released[found.envoy.newest] == found.envoy.newest_on
    assert found.envoy.measured in found.envoy.released
