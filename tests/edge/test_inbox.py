"""What waits to be looked at: in order, bounded, and never a reason for the thread that fills it to wait."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clauditor.edge.inbox import MESSAGE_BYTES, Copy, Inbox
from clauditor.pb.ext_proc_pb2 import ProcessingRequest

MESSAGE = ProcessingRequest()


def taken(inbox: Inbox) -> list[object]:
    """What is in it, messages as their size."""
    found: list[object] = []
    while (item := inbox.take()) is not None:
        found.append(item.what if isinstance(item.what, str) else item.size - MESSAGE_BYTES)
    return found


def test_a_copy_that_is_too_long_loses_its_rest_and_nobody_elses() -> None:
    inbox = Inbox(max_copy_bytes=10_000)
    long, other = Copy(), Copy()
    for size in (4_000, 4_000, 4_000, 1):
        inbox.put(long, MESSAGE, size, at=1.0)
    inbox.put(other, MESSAGE, 4_000, at=1.0)
    inbox.end(long, "whole", at=2.0)
    assert taken(inbox) == [4_000, 4_000, "overflow", 4_000, "whole"]
    assert (long.dropped_bytes, other.dropped_bytes) == (4_001, 0)
    assert (inbox.counters.of_one, inbox.counters.of_all, inbox.counters.bytes_dropped) == (1, 0, 4_001)


def test_where_all_together_is_too_much_the_copy_that_comes_last_gives_way() -> None:
    inbox = Inbox(max_bytes=10_000)
    first, last = Copy(), Copy()
    inbox.put(first, MESSAGE, 8_000, at=1.0)
    inbox.put(last, MESSAGE, 8_000, at=1.0)
    assert taken(inbox) == [8_000, "overflow"]
    inbox.put(first, MESSAGE, 8_000, at=1.0)  # there is room again, for copies that lack nothing
    inbox.put(last, MESSAGE, 1, at=1.0)
    assert taken(inbox) == [8_000]
    assert (inbox.counters.of_one, inbox.counters.of_all, inbox.counters.bytes_dropped) == (0, 1, 8_001)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5_000), st.booleans()), max_size=60))
def test_what_waits_never_exceeds_the_limits_and_every_byte_is_taken_or_counted(
    steps: list[tuple[int, int, bool]],
) -> None:
    inbox = Inbox(max_bytes=12_000, max_copy_bytes=6_000)
    copies = [Copy() for _ in range(4)]
    came = seen = 0
    for number, size, is_taken in steps:
        inbox.put(copies[number], MESSAGE, size, at=1.0)
        came += size
        assert inbox.waiting_bytes <= 12_000
        if is_taken and (item := inbox.take()) is not None:
            seen += max(0, item.size - MESSAGE_BYTES)
    seen += sum(what for what in taken(inbox) if isinstance(what, int))
    assert came == seen + inbox.counters.bytes_dropped
    assert inbox.waiting_bytes == 0


@pytest.mark.parametrize("pause", [0.0, 0.0005])
async def test_whoever_waits_is_woken_for_each_thing_that_another_thread_puts_in(pause: float) -> None:
    inbox, copy, count = Inbox(), Copy(), 2_000
    gap = threading.Event()

    def fill() -> None:
        for number in range(count):
            inbox.put(copy, MESSAGE, number, at=float(number))
            if pause and number % 10 == 0:
                gap.wait(pause)
        inbox.end(copy, "whole", at=0.0)

    thread = threading.Thread(target=fill)
    thread.start()
    found: list[object] = []
    async with asyncio.timeout(20):
        while not found or found[-1] != "whole":
            await inbox.wait()
            found += taken(inbox)
    thread.join()
    assert found == [*range(count), "whole"]
