"""watch as a process: against the real API of a sidecar, through pipes, breaks and signals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.served import TOKEN, Sidecar, serving
from support.waiting import eventually

SESSION = "5f0c1e9a-7d1f-4c57-9d55-4b1f1f6b2a10"
OTHER = "7d1f4c57-0000-4c57-9d55-4b1f1f6b2a10"


@dataclass
class Watch:
    """A running `clauditor watch`; what it printed so far."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def says(self, text: str, seconds: float = 15) -> str:
        await self.until(lambda: any(text in line for line in self.lines), text, seconds)
        return next(line for line in self.lines if text in line)

    async def complains(self, text: str) -> None:
        await self.until(lambda: any(text in line for line in self.errors), text)

    async def until(self, condition: Callable[[], object], what: str, seconds: float = 15) -> None:
        try:
            await eventually(condition, seconds)
        except TimeoutError:
            raise AssertionError(f"never said: {what}\n{self.lines}\n{self.errors}") from None


@contextlib.asynccontextmanager
async def watching(data_dir: Path, sidecar: Sidecar, *arguments: str, **environ: str) -> AsyncIterator[Watch]:
    command = [sys.executable, "-m", "clauditor", "watch", "--data-dir", str(data_dir)]
    process = await asyncio.create_subprocess_exec(
        *command,
        "--url",
        f"http://127.0.0.1:{sidecar.port}",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if key != "COLUMNS"} | {"TZ": "UTC"} | environ,
    )
    watch = Watch(process)

    async def read(stream: asyncio.StreamReader | None, lines: list[str]) -> None:
        assert stream is not None
        async for line in stream:
            lines.append(line.decode().rstrip("\n"))  # noqa: PERF401 - as they come

    readers = [
        asyncio.create_task(read(process.stdout, watch.lines)),
        asyncio.create_task(read(process.stderr, watch.errors)),
    ]
    try:
        await eventually(lambda: sidecar.feed.subscribers > 0 or process.returncode is not None, 15)
        yield watch
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await asyncio.gather(*readers)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    (directory / "token").write_text(TOKEN, encoding="utf-8")
    return directory


@pytest.fixture
async def sidecar(data_dir: Path) -> AsyncIterator[Sidecar]:
    async with serving(data_dir) as running:
        yield running


async def test_events_come_as_plain_lines_and_ctrl_c_ends_it(data_dir: Path, sidecar: Sidecar) -> None:
    sidecar.life(SESSION).turn()
    async with watching(data_dir, sidecar) as watch:
        life = sidecar.life(SESSION)
        life.answer(life.start(), tools=("t1",))
        assert "webshop 5f0c1e9a" in await watch.says("Bash (pytest) starts")
        life.tool_result("t1", "error")
        await watch.says("Bash (pytest) failed after 4.0 s")
        answer = await watch.says("answer in 4.0 s: 51k in (98% cached), 200 out, ~$0.0")
        assert "first token 1.0 s" in answer
        life.fail(life.start())
        await watch.says("call failed: 529 overloaded")
        watch.process.send_signal(signal.SIGINT)
        await watch.until(lambda: watch.process.returncode is not None, "its end")
    assert watch.process.returncode == 130
    assert watch.errors in ([], [""])
    assert not any("\x1b" in line for line in watch.lines)


async def test_json_lines_are_every_event_with_its_version(data_dir: Path, sidecar: Sidecar) -> None:
    sidecar.life(SESSION).turn()
    async with watching(data_dir, sidecar, "--json") as watch:
        sidecar.life(SESSION).turn()
        await watch.says('"AttemptFinished"')
    told = [json.loads(line) for line in watch.lines]
    assert [event["type"] for event in told][:3] == ["AttemptStarted", "ResponseStarted", "FirstToken"]
    assert {(event["schema_version"], event["session_id"], event["project"]) for event in told} == {
        (1, SESSION, "webshop")
    }
    assert next(event["cost_usd"] for event in told if event["type"] == "AttemptFinished") > 0


@pytest.mark.parametrize("wanted", [SESSION, "5f0c", "WebShop"])
async def test_one_session_or_project_alone(data_dir: Path, sidecar: Sidecar, wanted: str) -> None:
    sidecar.life(SESSION).turn()
    sidecar.life(OTHER).answer(sidecar.life(OTHER).start(project="infra"))
    async with watching(data_dir, sidecar, "--session", wanted) as watch:
        sidecar.life(OTHER).answer(sidecar.life(OTHER).start(project="infra"), tools=("x",))
        sidecar.life(SESSION).answer(sidecar.life(SESSION).start(), tools=("t1", "t2"))
        await watch.says("answer in")
    assert len([line for line in watch.lines if "Bash (pytest) starts" in line]) == 2
    assert not any("infra" in line for line in watch.lines)


async def test_signals_only(data_dir: Path, sidecar: Sidecar) -> None:
    life = sidecar.life(SESSION)
    life.turn()
    async with watching(data_dir, sidecar, "--signals-only") as watch:
        for number in range(8):
            life.answer(life.start(), tools=(f"t{number}",))
            life.tool_result(f"t{number}", "error")
        await watch.says(" Next: ")
    assert not any("Bash (pytest) starts" in line for line in watch.lines)


async def test_who_reads_no_more_is_noticed_in_silence(data_dir: Path, sidecar: Sidecar) -> None:
    sidecar.life(SESSION).turn()
    command = (
        f"{sys.executable} -m clauditor watch --data-dir {data_dir} --url http://127.0.0.1:{sidecar.port}"
        " | head -n 1"
    )
    shell = await asyncio.create_subprocess_shell(
        command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    await eventually(lambda: sidecar.feed.subscribers > 0, 15)
    sidecar.life(SESSION).turn()
    # Nothing more happens: the reader's end is noticed all the same.
    out, err = await asyncio.wait_for(shell.communicate(), 20)
    assert len(out.splitlines()) == 1
    assert err == b""


async def test_a_lost_connection_heals_and_is_said_once(data_dir: Path, sidecar: Sidecar) -> None:
    life = sidecar.life(SESSION)
    life.turn()
    async with watching(data_dir, sidecar) as watch:
        sidecar.feed.close()  # every stream ends
        await watch.complains("the sidecar does not answer since")
        await watch.complains("connected again at")
        life.answer(life.start(), tools=("after",))
        await watch.says("Bash (pytest) starts")
    assert len([line for line in watch.errors if "does not answer" in line]) == 1
    assert len([line for line in watch.errors if "connected again" in line]) == 1


async def test_what_was_missed_for_good_is_said(data_dir: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with serving(data_dir) as first:
            first.life(SESSION).turn()
            await first.settle()
            watch = await stack.enter_async_context(watching(data_dir, first, "--json"))
            first.life(SESSION).turn()
            await watch.says('"AttemptFinished"')
            port = first.port
        second = await stack.enter_async_context(serving(data_dir, port=port))
        second.life(SESSION).turn()
        missed = json.loads(await watch.says('"EventsMissed"'))
        assert missed["since"] <= missed["at"]
        second.life(SESSION).answer(second.life(SESSION).start(), tools=("after",))
        await watch.says('"ToolCalled"')


async def test_mistakes_are_one_sentence(data_dir: Path, sidecar: Sidecar, tmp_path: Path) -> None:
    async def fails(*arguments: str, **environ: str) -> str:
        async with watching(data_dir, sidecar, *arguments, **environ) as watch:
            await watch.until(lambda: watch.process.returncode is not None, "its end")
        assert watch.process.returncode == (2 if "--json" in arguments else 1)
        (sentence,) = watch.errors
        return sentence

    assert "clauditor sessions" in await fails("--session", "nosuch")
    assert "exclude each other" in await fails("--json", "--tmux")
    assert "needs a terminal" in await fails("--tmux", TMUX="", TMUX_PANE="")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "There is no tmux here" in await fails("--tmux", PATH=str(empty))
    old = tmp_path / "old"
    old.mkdir()
    (old / "tmux").write_text("#!/bin/sh\necho tmux 2.9a\n", encoding="utf-8")
    (old / "tmux").chmod(0o755)
    assert "needs tmux 3.2 or later, this is tmux 2.9a" in await fails("--tmux", PATH=f"{old}:/bin:/usr/bin")
