"""A prompt of several tasks, as an editor sees it worked through: planned, step by step, and replayed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.base.jsontext import dump_text
from acp_agent.testing.model_server import in_order
from tests.interop.history import conversation, history_problems
from tests.interop.stage import Service, Stage

if TYPE_CHECKING:
    from tests.interop.conftest import OpenEditor

ANALYSIS = {
    "requires_planning": True,
    "execution_plan": {
        "steps": [
            {"id": "a", "content": "write the file"},
            {"id": "b", "content": "check it", "dependencies": ["a"]},
        ]
    },
}


async def test_a_prompt_of_several_tasks_is_worked_through_step_by_step_and_replayed_the_same(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    write = 'call: write {"path": "made.txt", "content": "made"}'
    model = await stage.model(
        in_order(f"say: {dump_text(ANALYSIS)}", write, "say: I wrote it.", "say: It is fine."), service
    )
    session = await (await open_editor()).open()

    prompt = "Please:\n- write the file\n- read it again\n- say whether it is fine"
    assert await session.ask(prompt) == "end_turn"

    assert (stage.cwd / "made.txt").read_text() == "made"
    plans = [[entry["status"] for entry in update["entries"]] for update in session.updates("plan")]
    assert plans == [
        ["in_progress", "pending"],
        ["completed", "pending"],
        ["completed", "in_progress"],
        ["completed", "completed"],
    ]
    assert session.text() == "I wrote it.It is fine."
    assert len(model.requests) == 4
    assert "Step 2 of 2 of the plan" in conversation(model.requests[3])
    assert [history_problems(request) for request in model.requests] == [[]] * 4
    updates = session.updates("plan")
    await session.close()
    loaded = await (await open_editor()).load(session.id)
    assert loaded.updates("plan") == updates
    assert loaded.text() == session.text()
