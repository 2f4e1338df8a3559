"""The proxy's log is removed once it was read, without losing a line of what comes meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from clauditor.edge.logfile import LogFile


class Log:
    """A log with an Envoy that writes it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "access.log"
        self.previous = directory / "access.log.1"
        self.answers = True
        self._open()
        self.file = LogFile(self.path, reopen=self._reopen)
        self.file.open(None)

    def _open(self) -> None:
        self._envoy = self.path.open("ab", buffering=0)

    def _reopen(self) -> bool:
        if self.answers:
            self._envoy.close()
            self._open()
        return self.answers

    def write(self, text: str) -> None:
        self._envoy.write(text.encode() + b"\n")

    def read(self) -> list[str]:
        """All there is; then there is time for the rest."""
        found: list[str] = []
        while lines := self.file.read():
            found += [line.data.decode() for line in lines]
        self.file.keep_short(())
        return found

    def close(self) -> None:
        self._envoy.close()


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def test_what_was_read_goes_and_what_comes_is_read(log: Log) -> None:
    log.write("one")
    assert log.read() == ["one"]
    log.file.forget()
    log.write("two")
    assert log.read() == ["two"]  # and the file has another name
    log.write("three")
    assert log.read() == ["three"]
    assert not log.file.is_forgetting
    assert not log.previous.exists()
    assert log.path.read_text() == "three\n"
    assert log.file.counters.lost_files == 0
    log.close()


def test_an_undecided_line_keeps_its_file(log: Log) -> None:
    log.write("one")
    log.read()
    log.file.forget()
    log.read()
    inode = log.previous.stat().st_ino
    log.file.keep_short([(inode, 0)])
    assert log.previous.exists()
    log.file.keep_short(())
    assert not log.previous.exists()
    log.close()


def test_the_one_before_goes_too(tmp_path: Path) -> None:
    (tmp_path / "access.log.1").write_text("older\n")
    log = Log(tmp_path)
    log.write("one")
    assert log.read() == ["older", "one"]
    log.file.forget()
    log.read()
    log.read()
    assert (log.previous.exists(), log.path.read_text()) == (False, "")
    log.close()


def test_an_envoy_that_does_not_answer_is_asked_again(log: Log) -> None:
    log.write("one")
    log.read()
    log.answers = False
    log.file.forget()
    log.read()
    log.read()
    assert not log.previous.exists()
    log.answers = True
    log.read()
    log.write("two")
    assert log.read() == ["two"]
    log.close()


def test_an_empty_log_has_nothing_to_forget(log: Log) -> None:
    log.file.forget()
    assert not log.file.is_forgetting
    log.close()
