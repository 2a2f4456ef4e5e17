"""Two agents on one store: a session is written by one of them at a time."""

from __future__ import annotations

import pytest

from tests.interop.conftest import OpenEditor
from tests.interop.stage import Frame, RawClient, Stage

STORES = ["sqlite", "file:~/sessions"]


async def refused(client: RawClient, method: str, session_id: str, stage: Stage) -> Frame:
    place: Frame = {} if method == "session/delete" else {"cwd": str(stage.cwd), "mcpServers": []}
    return (await client.ask(method, {"sessionId": session_id, **place}))["error"]


@pytest.mark.parametrize("store", STORES)
async def test_the_second_agent_is_told_who_has_the_session_and_gets_it_when_that_one_closed_it(
    stage: Stage, open_editor: OpenEditor, store: str
) -> None:
    stage.env["ACP_AGENT_STORE"] = store.replace("~", str(stage.home))
    first = await open_editor("say: ok")
    session = await first.open()
    assert await session.ask("hello") == "end_turn"

    second = await stage.raw()
    for method in ("session/load", "session/resume", "session/delete"):
        error = await refused(second, method, session.id, stage)
        assert (method, error["code"], error["data"]["kind"]) == (method, -32600, "session_in_use")
        assert error["data"]["sessionId"] == session.id
        assert f"is in use by process {first.agent.process.pid} on" in error["message"]
        assert "close it there first" in error["message"]
    listed = (await second.ask("session/list", {}))["result"]["sessions"]
    assert [one["sessionId"] for one in listed] == [session.id]
    assert await session.ask("still yours?") == "end_turn"

    await first.connection.close_session(session.id)
    opened = await second.ask(
        "session/load", {"sessionId": session.id, "cwd": str(stage.cwd), "mcpServers": []}
    )
    assert "result" in opened
    assert (await refused(RawClient(first.agent, "taken"), "session/load", session.id, stage))[
        "code"
    ] == -32600


@pytest.mark.parametrize("store", STORES)
async def test_a_session_is_free_when_the_agent_that_had_it_was_killed(
    stage: Stage, open_editor: OpenEditor, store: str
) -> None:
    stage.env["ACP_AGENT_STORE"] = store.replace("~", str(stage.home))
    first = await open_editor("say: ok")
    session = await first.open()
    assert await session.ask("hello") == "end_turn"
    second = await open_editor()
    assert (await refused(RawClient(second.agent), "session/load", session.id, stage))["code"] == -32600

    first.agent.expected_exit = None
    first.agent.process.kill()
    await first.agent.wait_exit()
    again = await second.load(session.id)
    assert await again.ask("and you?") == "end_turn"
