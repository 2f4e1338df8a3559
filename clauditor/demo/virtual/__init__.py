"""Hours of pretend sessions in a second: the demo's clients and vendor, the real wire layer and the real hub.

Only the sockets and the clock are missing. A story says what happens, and the stage keeps what the hub said:

    async def story(stage: Stage) -> None:
        act = stage.act()
        act.will_answer(act.reply(Text("a"), Pause(200), Text("b")))
        await act.prompt("go")

    stage = perform(story, book=Pricing())
    stage.raised("stalled")
"""

from clauditor.demo.virtual.clock import run
from clauditor.demo.virtual.stage import BEGAN_AT, Stage, perform

__all__ = ["BEGAN_AT", "Stage", "perform", "run"]
