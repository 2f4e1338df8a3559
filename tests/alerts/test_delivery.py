"""The courier: offering never blocks, what fails is counted, what is gone stays gone."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from clauditor.alerts.delivery import MAX_WAITING, Courier, GoneError
from clauditor.errors import ClauditorError
from support.waiting import until


class Door:
    """A way that does what the test lets it do."""

    name = "door"

    def __init__(self) -> None:
        self.open = threading.Event()
        self.delivered: list[int] = []
        self.error: Exception | None = None
        self.tries = 0

    def deliver(self, what: int) -> None:
        self.tries += 1
        assert self.open.wait(30)
        if self.error is not None:
            raise self.error
        self.delivered.append(what)

    def close(self) -> None:
        self.open.set()


@contextmanager
def courier_of(door: Door) -> Iterator[Courier[int]]:
    courier = Courier(door)
    courier.start()
    try:
        yield courier
    finally:
        courier.close()
        courier._thread.join(10)
        assert not courier._thread.is_alive()


def _has_failed(courier: Courier[int], times: int) -> bool:
    return courier.failed == times


def test_what_is_offered_arrives_in_order() -> None:
    door = Door()
    door.open.set()
    with courier_of(door) as courier:
        for number in range(10):
            courier.offer(number)
        until(lambda: courier.delivered == 10)
    assert door.delivered == list(range(10))


def test_a_delivery_that_hangs_holds_up_nobody_and_what_is_too_much_is_counted() -> None:
    door = Door()
    with courier_of(door) as courier:
        courier.offer(0)
        until(lambda: door.tries == 1)
        began = time.monotonic()
        for number in range(1, MAX_WAITING + 101):
            courier.offer(number)
        assert time.monotonic() - began < 5  # far less than the hanging delivery takes
        assert courier.dropped == 100
        door.open.set()
        until(lambda: courier.delivered == MAX_WAITING + 1)
    assert door.delivered == list(range(MAX_WAITING + 1))


def test_a_stop_gives_up_what_waits() -> None:
    door = Door()
    with courier_of(door) as courier:
        for number in range(MAX_WAITING + 5):
            courier.offer(number)
        until(lambda: door.tries == 1)
    assert len(door.delivered) == 1


def test_failures_are_counted_and_said_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    door = Door()
    door.open.set()
    door.error = ClauditorError("It is closed; open it.")
    with courier_of(door) as courier:
        for number in range(150):
            courier.offer(number)
            until(partial(_has_failed, courier, number + 1))
        said = [record.getMessage() for record in caplog.records]
        assert said == [
            "an alert by door was not delivered (1 so far): It is closed; open it.",
            "an alert by door was not delivered (101 so far): It is closed; open it.",
        ]
        door.error = None
        courier.offer(1)
        until(lambda: courier.delivered == 1)


def test_our_own_mistake_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    door = Door()
    door.open.set()
    door.error = ValueError("odd")
    with courier_of(door) as courier:
        courier.offer(1)
        until(lambda: courier.failed == 1)
        door.error = None
        courier.offer(2)
        until(lambda: courier.delivered == 1)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_way_that_is_gone_is_said_once_and_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    door = Door()
    door.open.set()
    door.error = GoneError("There is no door; build one.")
    with courier_of(door) as courier:
        courier.offer(1)
        until(lambda: courier.is_gone)
        for number in range(MAX_WAITING * 2):
            courier.offer(number)
    assert (courier.failed, courier.dropped, door.tries) == (1, 0, 1)
    assert [record.getMessage() for record in caplog.records] == [
        "alerts by door are off until the next start: There is no door; build one."
    ]
