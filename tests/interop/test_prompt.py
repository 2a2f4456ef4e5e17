"""A prompt from its first update to its stop reason, over both services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import acp
from acp import schema

from acp_agent.testing.model_server import in_order
from tests.interop.history import conversation
from tests.interop.stage import Service, Stage

if TYPE_CHECKING:
    from tests.interop.conftest import OpenEditor


async def test_thought_and_text_stream_under_stable_message_ids(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    await stage.model("think: Let me see.\nsay: Hello to you.\nusage: 100 7", service)
    session = await (await open_editor()).open()

    assert await session.ask("hi") == "end_turn"

    assert session.text("agent_thought_chunk") == "Let me see."
    assert session.text() == "Hello to you."
    assert len(session.updates("agent_message_chunk")) > 1
    message_ids = {update["messageId"] for update in session.updates("agent_message_chunk")}
    thought_ids = {update["messageId"] for update in session.updates("agent_thought_chunk")}
    assert len(message_ids) == len(thought_ids) == 1
    assert message_ids.isdisjoint(thought_ids)


async def test_two_answers_have_different_message_ids(open_editor: OpenEditor) -> None:
    session = await (await open_editor(in_order("say: one", "say: two"))).open()
    await session.ask("first")
    await session.ask("second")
    assert len({update["messageId"] for update in session.updates("agent_message_chunk")}) == 2


async def test_session_new_is_answered_before_any_update_of_the_session(open_editor: OpenEditor) -> None:
    editor = await open_editor(
        "say: hi", env={"ACP_AGENT_MODLE": "misspelt, so that a warning is due at once"}
    )
    session = await editor.open()
    await session.ask("hi")

    sent = [line.frame for line in editor.agent.log if line.sender == "agent"]
    opened = next(i for i, frame in enumerate(sent) if "sessionId" in (frame.get("result") or {}))
    assert session.updates()
    assert all(frame.get("method") != "session/update" for frame in sent[:opened])


async def test_usage_and_title_are_told_before_the_answer(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    await stage.model("say: Done.\nusage: 1200 34", service)
    session = await (await open_editor()).open()
    await session.ask("Rename the   function\nfoo to bar")

    [usage] = session.updates("usage_update")
    assert usage["used"] == 1234
    assert usage["size"] > usage["used"]
    [info] = session.updates("session_info_update")
    assert info["title"] == "Rename the function foo to bar"
    assert "updatedAt" in info
    last = session.agent.log[-1].frame
    assert last["result"] == {"stopReason": "end_turn"}


async def test_the_models_reason_to_stop_is_the_turns(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    reasons = ("max_tokens", "refusal", "stop")
    await stage.model(in_order(*(f"say: So far.\nstop: {reason}" for reason in reasons)), service)
    session = await (await open_editor()).open()
    assert [await session.ask("go") for _ in reasons] == ["max_tokens", "refusal", "end_turn"]
    assert session.text() == "So far." * 3


async def test_a_turn_ends_after_the_configured_number_of_model_requests(open_editor: OpenEditor) -> None:
    editor = await open_editor(in_order('call: ls {"path": "."}'), env={"ACP_AGENT_MAX_STEPS": "2"})
    session = await editor.open()
    assert await session.ask("loop") == "max_turn_requests"
    assert len(editor.stage.models[0].requests) == 2
    assert await session.ask("and again") == "max_turn_requests"


async def test_a_second_prompt_waits_for_the_first_and_their_updates_do_not_mix(
    stage: Stage, open_editor: OpenEditor
) -> None:
    model = await stage.model("flood: 200\nwhen: second\nsay: the second answer")
    session = await (await open_editor()).open()

    first = session.begin("the first")
    await session.seen("agent_message_chunk")
    second = session.begin("the second")

    assert (await first.result(), await second.result()) == ("end_turn", "end_turn")
    log = [line.frame for line in session.agent.log if line.sender == "agent"]
    answers = [i for i, frame in enumerate(log) if frame.get("result") == {"stopReason": "end_turn"}]
    texts = [
        (i, frame["params"]["update"]["content"]["text"])
        for i, frame in enumerate(log)
        if frame.get("method") == "session/update"
        and frame["params"]["update"]["sessionUpdate"] == "agent_message_chunk"
    ]
    assert "".join(text for i, text in texts if i < answers[0]) == "".join(f"w{n} " for n in range(200))
    assert "".join(text for i, text in texts if i > answers[0]) == "the second answer"
    assert "w199" in conversation(model.requests[1])


async def test_files_and_pictures_in_a_prompt_reach_the_model(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    model = await stage.model("say: seen", service)
    session = await (await open_editor()).open()
    resource = schema.TextResourceContents(
        uri="file:///x/notes.md", text="attached words", mime_type="text/markdown"
    )
    await session.editor.connection.prompt(
        session.id,
        [
            acp.text_block("look"),
            acp.resource_link_block(name="linked.py", uri="file:///x/linked.py"),
            acp.resource_block(resource),
            acp.image_block("iVBORw0KGgo=", "image/png"),
        ],
    )
    sent = conversation(model.requests[0])
    assert all(part in sent for part in ("look", "file:///x/linked.py", "attached words", "iVBORw0KGgo="))


async def test_one_client_can_hold_several_sessions_that_work_at_once(open_editor: OpenEditor) -> None:
    editor = await open_editor("say: begun\nwait\nwhen: quick\nsay: quick answer")
    slow, quick = await editor.open(), await editor.open()
    stuck = slow.begin("take long")
    await slow.seen("agent_message_chunk")
    assert await quick.ask("quick one") == "end_turn"
    assert quick.text() == "quick answer"
    await slow.cancel()
    assert await stuck.result() == "cancelled"
    assert slow.text() == "begun"
