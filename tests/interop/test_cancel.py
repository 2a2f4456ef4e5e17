"""`session/cancel` at every stage of a turn: always `cancelled`, then silence, then work goes on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from acp import schema

from acp_agent.base.jsontext import dump_text
from tests.interop.history import conversation
from tests.interop.stage import Frame, Lifeline, Service, Stage, prompt_params

if TYPE_CHECKING:
    from tests.interop.conftest import Conversation, OpenEditor

NEXT = "\nwhen: next\nsay: going on"


async def assert_cancelled_and_alive(session: Conversation) -> None:
    """The session says nothing after the answer, and the next prompt works."""
    answered = next(
        i
        for i, line in enumerate(session.agent.log)
        if line.frame.get("result") == {"stopReason": "cancelled"}
    )
    resumed = len(session.agent.log)
    assert await session.ask("next") == "end_turn"
    late = [
        line.frame
        for line in session.agent.log[answered:resumed]
        if line.sender == "agent" and line.frame.get("method") == "session/update"
    ]
    assert late == []
    assert session.text().endswith("going on")


async def test_cancel_before_the_first_token(stage: Stage, service: Service, open_editor: OpenEditor) -> None:
    model = await stage.model("wait" + NEXT, service)
    session = await (await open_editor()).open()
    turn = session.begin("stall")
    await session.seen("session_info_update")
    await session.cancel()
    assert await turn.result() == "cancelled"
    await assert_cancelled_and_alive(session)
    assert "stall" in conversation(model.requests[-1])


async def test_cancel_in_the_middle_of_a_stream_closes_the_request_and_keeps_the_text(
    stage: Stage, service: Service, open_editor: OpenEditor
) -> None:
    model = await stage.model("say: The first words\nwait" + NEXT, service)
    session = await (await open_editor()).open()
    turn = session.begin("talk")
    await session.agent.seen(lambda frame: session.text() == "The first words")
    await session.cancel()
    assert await turn.result() == "cancelled"
    await session.editor.stage.gone(model)
    await assert_cancelled_and_alive(session)
    assert "The first words" in conversation(model.requests[-1])


async def test_cancel_while_a_command_runs_ends_its_whole_process_tree(
    stage: Stage, service: Service, open_editor: OpenEditor, lifeline: Lifeline
) -> None:
    command = lifeline.hold + "sleep 600 & (trap '' TERM; sleep 600; true) & sleep 600"
    calls = f"call: bash {dump_text({'command': command})}\ncall: ls {{}}"
    model = await stage.model(calls + NEXT, service)
    session = await (await open_editor()).open()
    turn = session.begin("run")
    await lifeline.wait_held()
    await session.cancel()
    assert await turn.result() == "cancelled"
    await lifeline.wait_gone()
    assert session.calls()[0]["status"] == "failed"
    await assert_cancelled_and_alive(session)
    assert "The user cancelled this call" in conversation(model.requests[-1])


async def test_cancel_while_a_question_is_never_answered_withdraws_it(
    stage: Stage, open_editor: OpenEditor
) -> None:
    await stage.model('call: bash {"command": "touch ran"}' + NEXT)
    editor = await open_editor()
    editor.answer = "never"
    session = await editor.open()
    turn = session.begin("ask me")
    question = await editor.agent.seen(lambda frame: frame.get("method") == "session/request_permission")
    await session.cancel()
    assert await turn.result() == "cancelled"
    assert editor.agent.frames("$/cancel_request") == [{"requestId": question["id"]}]
    late: Frame = {"outcome": {"outcome": "selected", "optionId": "allow_once"}}
    await editor.agent.write({"jsonrpc": "2.0", "id": question["id"], "result": late})
    await assert_cancelled_and_alive(session)
    assert not (stage.cwd / "ran").exists()


async def test_cancel_when_nothing_runs_is_nothing(open_editor: OpenEditor) -> None:
    editor = await open_editor("say: hello")
    session = await editor.open()
    await session.cancel()
    assert await session.ask("hi") == "end_turn"
    await session.cancel()
    await editor.connection.cancel("sess_unknown")
    assert await session.ask("hi") == "end_turn"


async def test_cancel_twice_is_cancel_once(open_editor: OpenEditor) -> None:
    session = await (await open_editor("say: begun\nwait" + NEXT)).open()
    turn = session.begin("talk")
    await session.seen("agent_message_chunk")
    await session.cancel()
    await session.cancel()
    assert await turn.result() == "cancelled"
    await assert_cancelled_and_alive(session)


async def test_cancel_while_a_tool_server_still_connects(stage: Stage, open_editor: OpenEditor) -> None:
    silent = schema.McpServerStdio(
        name="silent", command=sys.executable, args=["-c", "import sys; sys.stdin.read()"], env=[]
    )
    editor = await open_editor("say: not reached" + NEXT)
    session = await editor.open(mcp_servers=[silent])
    turn = session.begin("hi")
    await session.seen("session_info_update")
    await session.cancel()
    assert await turn.result() == "cancelled"
    assert session.text() == ""
    second = session.begin("next")
    await session.agent.seen_from_client("session/prompt", times=2)
    await session.cancel()
    assert await second.result() == "cancelled"
    assert stage.models[0].requests == []


async def test_cancel_ends_the_prompts_that_wait_too(stage: Stage, open_editor: OpenEditor) -> None:
    await stage.model("say: begun\nwait" + NEXT)
    session = await (await open_editor()).open()
    first = session.begin("one")
    await session.seen("agent_message_chunk")
    second, third = session.begin("two"), session.begin("three")
    await session.agent.seen_from_client("session/prompt", times=3)
    await session.cancel()
    assert [await turn.result() for turn in (first, second, third)] == ["cancelled"] * 3
    await assert_cancelled_and_alive(session)


async def test_cancel_in_the_same_breath_as_the_prompt_finds_it(stage: Stage) -> None:
    await stage.model("wait")
    client = await stage.raw()
    session_id = await client.open(stage.cwd)
    cancel = {"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": session_id}}
    for number in range(3):
        prompt = {"id": f"p{number}", "method": "session/prompt", "params": prompt_params(session_id, "hi")}
        await client.agent.write({"jsonrpc": "2.0", **prompt}, cancel)
        assert (await client.response(f"p{number}"))["result"] == {"stopReason": "cancelled"}


async def test_a_terminal_that_opens_after_the_cancel_is_released(stage: Stage) -> None:
    await stage.model('call: bash {"command": "true"}')
    stage.env["ACP_AGENT_MODE"] = "auto"
    client = await stage.raw(terminal=True)
    session_id = await client.open(stage.cwd)
    prompt = await client.prompt(session_id, "run")
    create = await client.agent.seen(lambda frame: frame.get("method") == "terminal/create")
    await client.notify("session/cancel", {"sessionId": session_id})
    assert (await client.response(prompt))["result"] == {"stopReason": "cancelled"}
    await client.agent.write({"jsonrpc": "2.0", "id": create["id"], "result": {"terminalId": "late"}})
    release = await client.agent.seen(lambda frame: frame.get("method") == "terminal/release")
    assert release["params"] == {"sessionId": session_id, "terminalId": "late"}


async def test_withdrawing_the_prompt_request_ends_its_turn(stage: Stage) -> None:
    await stage.model("say: begun\nwait" + NEXT)
    client = await stage.raw()
    session_id = await client.open(stage.cwd)
    prompt = await client.prompt(session_id, "talk")
    await client.agent.seen(lambda frame: "agent_message_chunk" in str(frame))
    await client.notify("$/cancel_request", {"requestId": prompt})
    assert (await client.response(prompt))["result"] == {"stopReason": "cancelled"}
    again = await client.response(await client.prompt(session_id, "next"))
    assert again["result"] == {"stopReason": "end_turn"}
