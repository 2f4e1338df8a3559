"""Envoy's log, read on over half lines, garbage, rotations and restarts: each line once, none lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.edge import accesslog, logfile
from clauditor.edge.accesslog import AccessLog
from clauditor.edge.joining import Ended, Gap, Joining
from clauditor.edge.logfile import LogFile, Position
from clauditor.wire.exchange import Exchange


def line(number: int = 1, **more: Any) -> bytes:
    """A line as Envoy writes it."""
    fields = {
        "agent_id": None,
        "bytes_received": 10,
        "bytes_sent": 20,
        "code_details": "via_upstream",
        "connection_id": number,
        "duration_ms": 5,
        "flags": "-",
        "method": "POST",
        "path": "/v1/messages",
        "session_id": "s",
        "start_time_us": "1790000000000000",
        "status": 200,
    }
    return json.dumps({**fields, **more}, separators=(",", ":")).encode() + b"\n"


class Log:
    """A log in a directory, and whoever reads it; Envoy opens its file anew when asked, unless it is away."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "access.log"
        self.previous = directory / "access.log.1"
        self.is_away = False
        self.asked = 0

    def write(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def reopen(self) -> bool:
        self.asked += 1
        if not self.is_away:
            self.path.touch()
        return not self.is_away

    def reader(self, position: Position | None = None, limit_bytes: int = logfile.LIMIT_BYTES) -> LogFile:
        file = LogFile(self.path, reopen=self.reopen, limit_bytes=limit_bytes)
        file.open(position)
        return file


def rest(file: LogFile) -> list[bytes]:
    """Every line that is there to read."""
    found: list[bytes] = []
    while lines := file.read():
        found += [raw.data + b"\n" for raw in lines]
    return found


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


# -- the file ----------------------------------------------------------------------------------------


def test_a_half_written_line_waits_for_its_other_half(log: Log) -> None:
    file = log.reader()
    assert rest(file) == []
    log.write(line(1) + line(2)[:7])
    assert rest(file) == [line(1)]
    assert rest(file) == []
    log.write(line(2)[7:])
    assert rest(file) == [line(2)]


@given(data=st.data())
def test_lines_come_whole_and_in_order_however_they_are_written(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    log = Log(tmp_path_factory.mktemp("log"))
    file, found = log.reader(), []
    wanted = [line(number) for number in range(data.draw(st.integers(1, 6)))]
    left = b"".join(wanted)
    while left:
        size = data.draw(st.integers(1, len(left)))
        log.write(left[:size])
        left = left[size:]
        found += rest(file)
    assert found == wanted


def test_a_line_without_end_is_passed_over_in_slices(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "SLICE_BYTES", 400)
    log.write(line(1) + b"x" * 3000 + b"\n" + line(2))
    file = log.reader()
    found = rest(file)
    while file.counters.overlong and len(found) < 2:
        found += rest(file)
    assert found == [line(1), line(2)]
    assert file.counters.overlong == 1


def test_the_next_daemon_reads_on_behind_what_was_decided(log: Log) -> None:
    log.write(line(1) + line(2) + line(3))
    file = log.reader()
    first = file.read()
    position = file.position([(first[1].file, first[1].offset)], since=5.0)
    assert Position.read(_kept(log, position)) == position
    log.write(line(4))
    assert rest(log.reader(position)) == [line(2), line(3), line(4)]


def test_a_rotation_while_nobody_read_loses_nothing(log: Log) -> None:
    log.write(line(1) + line(2))
    position = (reader := log.reader()).position([(reader.read()[1].file, len(line(1)))], since=0.0)
    log.write(line(3))
    log.path.replace(log.previous)
    log.write(line(4))
    file = log.reader(position)
    assert rest(file) == [line(2), line(3), line(4)]
    assert file.counters.lost_files == 0


def test_another_file_of_the_same_inode_is_not_taken_for_the_old_one(log: Log) -> None:
    log.write(line(1) + line(2))
    file = log.reader()
    file.read()
    position = file.position([], since=0.0)
    log.path.write_bytes(line(8) + line(9))  # the same inode, from its beginning
    found = log.reader(position)
    assert rest(found) == [line(8), line(9)]
    assert found.counters.lost_files == 1


def test_a_log_that_was_removed_is_told(log: Log) -> None:
    log.write(line(1))
    file = log.reader()
    rest(file)
    position = file.position([], since=0.0)
    log.path.unlink()
    log.write(line(2))
    again = log.reader(position)
    assert rest(again) == [line(2)]
    assert again.counters.lost_files == 1


def test_a_log_that_was_cut_is_told_and_read_from_its_beginning(log: Log) -> None:
    log.write(line(1) + line(2))
    file = log.reader()
    rest(file)
    log.path.write_bytes(line(3))
    assert rest(file) == [line(3)]
    assert file.counters.lost_files == 1


def test_a_long_log_is_put_aside_and_two_files_are_kept(log: Log) -> None:
    file, found = log.reader(limit_bytes=600), []
    for number in range(40):
        log.write(line(number))
        found += rest(file)
        file.keep_short([])
    assert found == [line(number) for number in range(40)]
    assert file.counters.rotations >= 8
    assert sorted(path.name for path in log.path.parent.iterdir()) == ["access.log", "access.log.1"]
    assert log.path.stat().st_size + log.previous.stat().st_size < 3000


def test_a_log_is_not_put_aside_over_one_that_holds_undecided_lines(log: Log) -> None:
    file = log.reader(limit_bytes=100)
    log.write(line(1))
    (first,) = file.read()
    file.keep_short([(first.file, first.offset)])  # renamed: it can still be read again
    assert log.previous.exists()
    log.write(line(2))
    rest(file)
    file.keep_short([(first.file, first.offset)])
    assert file.counters.rotations == 1
    position = file.position([(first.file, first.offset)], since=0.0)
    assert rest(log.reader(position)) == [line(1)]
    file.keep_short([])
    assert file.counters.rotations == 2


def test_an_envoy_that_does_not_open_its_log_anew_is_asked_again_and_read_meanwhile(log: Log) -> None:
    file = log.reader(limit_bytes=100)
    log.write(line(1))
    rest(file)
    log.is_away = True
    file.keep_short([])
    assert (log.asked, log.path.exists()) == (1, False)
    with log.previous.open("ab") as still_open:
        still_open.write(line(2))
    assert rest(file) == [line(2)]
    log.is_away = False
    file.keep_short([])
    log.write(line(3))
    assert rest(file) == [line(3)]
    assert (log.asked, file.counters.rotations) == (2, 1)


def test_only_what_was_there_at_the_opening_is_old(log: Log) -> None:
    log.write(line(1))
    file = log.reader()
    log.write(line(2))
    log.path.replace(log.previous)
    log.write(line(3))  # a new file, first seen with something in it
    found = [raw for _ in range(2) for raw in file.read()]
    assert [(raw.data + b"\n", raw.is_old) for raw in found] == [
        (line(1), True),
        (line(2), False),
        (line(3), False),
    ]


def test_a_link_in_place_of_the_log_is_not_followed(log: Log, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(line(1))
    log.path.symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic"):
        log.reader().read()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"since": 1}', '{"since":1,"files":[{"inode":"x"}]}', "\xff"]
)
def test_a_position_that_makes_no_sense_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "position"
    assert Position.read(path) is None
    path.write_text(text, encoding="latin-1")
    assert Position.read(path) is None


def _kept(log: Log, position: Position) -> Path:
    path = log.path.with_name("position")
    path.write_text(position.text())
    return path


# -- what the lines say -------------------------------------------------------------------------------


class Follower:
    """The whole of it, with what was told kept; a turn is half a second."""

    def __init__(self, log: Log) -> None:
        self.said: list[Ended[Exchange] | Gap] = []
        self.known: set[str] = set()
        self.kept: list[str] = []
        self.position: Position | None = None
        self.log = log

    async def follow(self, turns: int = 10, *, fail: bool = False) -> AccessLog:
        """A daemon that follows the log for some turns, and ends."""

        def keep(text: str) -> None:
            if fail:
                raise OSError(28, "No space left on device")
            self.kept.append(text)

        def settle(said: Sequence[Ended[Exchange] | Gap]) -> None:
            self.said += said

        file = LogFile(self.log.path, reopen=self.log.reopen)
        file.open(self.position)
        access_log = AccessLog(
            file,
            Joining(),
            position=self.position,
            earlier=lambda _since: (set(self.known), set()),
            settle=settle,
            keep=keep,
            now=lambda: 1000.0,
        )
        for _ in range(turns):
            await access_log.turn()
        if self.kept:
            path = self.log.path.with_name("position")
            path.write_text(self.kept[-1])
            self.position = Position.read(path)
        return access_log

    @property
    def gaps(self) -> list[Gap]:
        return [each for each in self.said if isinstance(each, Gap)]


@pytest.fixture
def follower(log: Log) -> Follower:
    return Follower(log)


async def test_calls_that_nobody_copied_are_gaps_and_other_traffic_is_counted(follower: Follower) -> None:
    log = follower.log
    log.write(
        line(1) + line(2, path="/v1/models", method="GET") + line(3, path="/gw/v1/messages/count_tokens")
    )
    log.write(line(4, method=None, path=None, flags="DPE"))
    access_log = await follower.follow()
    assert [(gap.exchange_id, gap.session_id, gap.reason, gap.unseen_bytes) for gap in follower.gaps] == [
        ("1-1790000000000000", "s", "missed", 30),
        ("3-1790000000000000", "s", "missed", 30),
    ]
    assert (access_log.counters.calls, access_log.counters.others, access_log.counters.malformed) == (2, 2, 0)


async def test_a_restart_tells_nothing_twice_and_misses_nothing(follower: Follower) -> None:
    follower.log.write(line(1) + line(2))
    follower.known = {"2-1790000000000000"}
    await follower.follow()
    follower.log.write(line(3))
    await follower.follow()
    await follower.follow()
    assert [gap.exchange_id[0] for gap in follower.gaps] == ["1", "3"]


async def test_a_full_disk_stops_neither_the_reading_nor_the_telling(follower: Follower) -> None:
    follower.log.write(line(1))
    access_log = await follower.follow(fail=True)
    assert len(follower.gaps) == 1
    assert access_log.counters.errors >= 1


async def test_a_log_that_is_gone_is_a_gap_of_the_daemon(follower: Follower) -> None:
    follower.log.write(line(1))
    await follower.follow()
    follower.log.path.unlink()
    await follower.follow()
    assert [(gap.reason, gap.session_id) for gap in follower.gaps] == [("missed", "s"), ("log_lost", "")]


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"{}",
        b"null",
        b"[1]",
        b"\xff\xfe{",
        b"x" * 5000,
        b'{"a":' * 2000,
        line(1, connection_id="7")[:-1],
        line(1, connection_id=-1)[:-1],
        line(1, start_time_us="17900000000e5")[:-1],
        line(1, start_time_us="9" * 30)[:-1],
        line(1, bytes_sent=1e400)[:-1],
        line(1, session_id=["s"])[:-1],
    ],
)
async def test_garbage_is_counted_and_the_next_line_is_read(follower: Follower, garbage: bytes) -> None:
    follower.log.write(garbage + b"\n" + line(2))
    access_log = await follower.follow()
    assert access_log.counters.malformed == 1
    assert [gap.exchange_id[0] for gap in follower.gaps] == ["2"]


async def test_half_a_line_of_a_killed_envoy_does_not_hide_the_first_of_the_next(follower: Follower) -> None:
    follower.log.write(line(1)[:-40] + line(2, path="/v1/messages", session_id='{"agent_id":'))
    access_log = await follower.follow()
    assert access_log.counters.malformed == 1
    assert [(gap.exchange_id[0], gap.session_id) for gap in follower.gaps] == [("2", "")]


@pytest.mark.parametrize("session_id", ["\x1b[31m", "a b", "../../x", "x" * 129, "", "{", None])
async def test_a_hostile_session_id_names_no_session(follower: Follower, session_id: str | None) -> None:
    follower.log.write(line(1, session_id=session_id, agent_id=session_id))
    await follower.follow()
    assert [(gap.session_id, gap.agent_id) for gap in follower.gaps] == [("", "main")]


@pytest.mark.parametrize(
    ("flags", "details", "by"),
    [
        ("-", "via_upstream", "nobody"),
        ("DC", "downstream_remote_disconnect", "client"),
        ("DPE", "http1.codec_error", "client"),
        ("UPE", "upstream_reset_after_response_started{protocol_error}", "upstream"),
        ("UC", "upstream_reset_after_response_started{connection_termination}", "upstream"),
        ("UC,DC", "upstream_reset_after_response_started{connection_termination}", "upstream"),
        ("UT", "response_timeout", "upstream"),
        ("SI", "stream_idle_timeout", "upstream"),
        (
            "DC",
            "downstream_local_disconnect(purging_socket_that_have_not_progressed_to_connections)",
            "proxy",
        ),
        (None, None, "nobody"),
    ],
)
def test_flags_and_details_tell_who_broke_off(flags: str | None, details: str | None, by: str) -> None:
    assert accesslog._broken_by(flags or "", details or "") == by
