"""Server-sent events out of bytes, however they are cut."""

from __future__ import annotations

import pytest

from clauditor.errors import ClauditorError
from clauditor.frames import Frames


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_come_out_wherever_the_bytes_are_cut(size: int) -> None:
    text = (
        'id: 5\nevent: snapshot\ndata: {"a":"\u2028 : \\n"}\n\nevent: heartbeat\ndata: {"at":1}\n\n'.encode()
    )
    frames, seen = Frames(), []
    for start in range(0, len(text), size):
        seen += list(frames.feed(text[start : start + size]))
    assert seen == [("snapshot", "5", {"a": "\u2028 : \n"}), ("heartbeat", None, {"at": 1})]


def test_a_stream_of_nonsense_is_a_sentence() -> None:
    with pytest.raises(ClauditorError, match="makes no sense"):
        list(Frames().feed(b"event: snapshot\ndata: [1]\n\n"))
