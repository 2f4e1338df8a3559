"""The context dial of models that only a passing list knows, through sessions and the hub."""

from __future__ import annotations

from collections.abc import Sequence

from clauditor.hub import Hub
from clauditor.model.events import AttemptFinished, AttemptStarted, Event, ModelsSeen
from clauditor.model.facts import Fact
from clauditor.model.gauges import ContextGauge
from clauditor.model.models import ModelLimits
from clauditor.model.packing import pack, unpack
from clauditor.model.session import Session
from clauditor.model.snapshot import Snapshot
from clauditor.model.usage import Usage
from support.story import FlatBook

HOUSE = ModelLimits(model="house-model", max_input_tokens=100_000, max_tokens=8_000)


class Notes:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[Event, Session | None]] = []

    def observe(self, event: Event, session: Session | None, facts: Sequence[Fact]) -> None:
        self.seen.append((event, session))


class Desk:
    """A hub with one session that makes calls."""

    def __init__(self, session: Session | None = None) -> None:
        self.notes = Notes()
        self.hub = Hub(book=FlatBook(), sinks=(self.notes,))
        self.calls = 0
        if session is not None:
            self.hub.restore([session], 0.0)

    def list_models(self, *models: ModelLimits) -> None:
        self.hub.publish(ModelsSeen(at=1.0, session_id="", models=models))

    def call(self, tokens: int, model: str = "house-model", agent_id: str = "main") -> None:
        self.calls += 1
        exchange_id = f"x{id(self)}-{self.calls}"
        self.hub.publish(
            AttemptStarted(
                at=2.0,
                session_id="s",
                agent_id=agent_id,
                exchange_id=exchange_id,
                identity="header",
                request_class="main" if agent_id == "main" else "subagent",
                model=model,
                messages_digest=exchange_id,
            )
        )
        self.hub.publish(
            AttemptFinished(
                at=3.0,
                session_id="s",
                agent_id=agent_id,
                exchange_id=exchange_id,
                model=model,
                usage=Usage(input=tokens),
            )
        )

    @property
    def gauge(self) -> ContextGauge:
        return self.hub.sessions["s"].context

    @property
    def shot(self) -> Snapshot:
        found = self.hub.snapshot("s", 4.0)
        assert found is not None
        return found


def test_a_list_of_models_makes_no_session_and_reaches_the_sinks() -> None:
    desk = Desk()
    desk.list_models(HOUSE)
    assert not desk.hub.sessions
    assert [(type(event), session) for event, session in desk.notes.seen] == [(ModelsSeen, None)]


def test_an_unknown_model_gets_window_fill_and_compaction_point_from_a_list() -> None:
    desk = Desk()
    desk.call(25_000)
    assert (desk.gauge.window, desk.gauge.used_ratio, desk.gauge.compact_at_tokens) == (None, None, None)
    desk.list_models(HOUSE)
    desk.call(50_000, model="House-Model[1m]")
    context = desk.shot["context"]
    assert (context["window"], context["used_ratio"]) == (100_000, 0.5)
    assert context["compact_at_tokens"] == 100_000 - 8_000 - 13_000
    assert context["history"] == [0.5]


def test_a_told_window_goes_before_the_table_and_a_prompt_before_both() -> None:
    desk = Desk()
    desk.list_models(ModelLimits(model="claude-opus-5-5", max_input_tokens=400_000))
    desk.call(100_000, model="claude-opus-5-5")
    assert desk.gauge.window == 400_000
    desk.call(400_001, model="claude-opus-5-5")
    assert desk.gauge.window == 1_000_000


def test_the_newest_list_counts() -> None:
    desk = Desk()
    for window in (100_000, 300_000):
        desk.list_models(ModelLimits(model="house-model", max_input_tokens=window))
        desk.call(10)
        assert desk.gauge.window == window


def test_what_was_told_of_one_model_says_nothing_of_the_next() -> None:
    desk = Desk()
    desk.list_models(HOUSE)
    desk.call(10)
    desk.call(10, model="never-listed")
    assert desk.gauge.window is None
    desk.call(10)
    assert desk.gauge.window == 100_000


def test_an_agents_call_does_not_move_the_dial_of_the_main_thread() -> None:
    desk = Desk()
    desk.list_models(HOUSE)
    desk.call(10, agent_id="agent")
    assert desk.gauge.window is None


def test_what_was_told_last_outlives_a_restart() -> None:
    before = Desk()
    before.list_models(HOUSE)
    before.call(50_000)
    after = Desk(unpack(pack(before.hub.sessions["s"])))
    assert after.shot["context"]["window"] == 100_000
    after.call(60_000)
    assert after.shot["context"]["used_ratio"] == 0.6
    assert after.gauge.told == HOUSE


def test_a_session_packed_before_lists_were_read_can_be_read() -> None:
    packed = pack(Session(session_id="s", started_at=0.0, last_activity_at=0.0))
    older = packed.replace(b"\xa4told\xc0", b"\xa4gone\xc0")
    assert older != packed
    assert unpack(older).context.told is None


def test_a_window_without_room_for_the_client_has_no_compaction_point() -> None:
    desk = Desk()
    desk.list_models(ModelLimits(model="house-model", max_input_tokens=8_192))
    desk.call(4_096)
    context = desk.shot["context"]
    assert (context["window"], context["used_ratio"]) == (8_192, 0.5)
    assert (context["compact_at_tokens"], context["turns_to_compact"]) == (None, None)
    assert desk.shot["signals"] == []
