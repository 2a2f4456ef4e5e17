"""A program that embeds the agent and an editor on one store."""

from __future__ import annotations

import pytest

from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.stores.session_stores import JournalFileSessionStore, SqliteSessionStore
from tests.interop.conftest import OpenEditor
from tests.interop.stage import RawClient, Stage

SCRIPT = "say: You said {prompt}"


@pytest.mark.parametrize("kind", ["sqlite", "file"])
@pytest.mark.parametrize("auto_save", [True, False])
async def test_an_editor_lists_loads_and_continues_what_a_program_began_and_the_other_way_round(
    stage: Stage, open_editor: OpenEditor, kind: str, auto_save: bool
) -> None:
    folder = stage.home / "shared"
    path = folder / "sessions.db"
    stage.env["ACP_AGENT_STORE"] = f"sqlite:///{path}" if kind == "sqlite" else f"file:{folder}"
    store = SqliteSessionStore(path) if kind == "sqlite" else JournalFileSessionStore(folder)
    model = ScriptedProvider(SCRIPT)
    env = {**stage.env, "ACP_AGENT_HOME": str(stage.home / "program")}
    async with AsyncAgent.create({}, env=env) as agent:
        session = agent.session(
            stage.cwd, session_id="shared", session_store=store, auto_save=auto_save, llm_client=model
        )
        await session.send("hello from the program")
        await session.save()

    editor = await open_editor(SCRIPT)
    listed = (await RawClient(editor.agent).ask("session/list", {}))["result"]["sessions"]
    assert [one["sessionId"] for one in listed] == ["shared"]
    conversation = await editor.load("shared")
    assert conversation.text("user_message_chunk") == "hello from the program"
    assert conversation.text() == "You said hello from the program"
    await editor.agent_request(
        "session/set_config_option", {"sessionId": "shared", "configId": "mode", "value": "auto"}
    )
    await editor.connection.close_session("shared")

    async with AsyncAgent.create({}, env=env) as agent:
        resumed = await agent.resume_session(
            "shared", session_store=store, auto_save=auto_save, llm_client=model
        )
        assert (await resumed.send("and again")).text == "You said and again"
        assert resumed.history()[0].content == "hello from the program"


async def test_a_program_goes_on_with_what_an_editor_began(stage: Stage, open_editor: OpenEditor) -> None:
    path = stage.home / "sessions.db"
    stage.env["ACP_AGENT_STORE"] = f"sqlite:///{path}"
    editor = await open_editor(SCRIPT)
    conversation = await editor.open()
    await conversation.ask("hello from the editor")
    await editor.connection.close_session(conversation.id)

    env = {**stage.env, "ACP_AGENT_HOME": str(stage.home / "program")}
    async with AsyncAgent.create({}, env=env) as agent:
        store = SqliteSessionStore(path)
        assert await agent.list_saved_sessions(store) == [conversation.id]
        resumed = await agent.resume_session(
            conversation.id, session_store=store, auto_save=True, llm_client=ScriptedProvider(SCRIPT)
        )
        assert [message.content for message in resumed.history()][0::2] == ["hello from the editor"]
        assert [run.status for run in resumed.runs()] == ["completed"]
        await resumed.send("hello from the program")

    again = await editor.load(conversation.id)
    assert again.text("user_message_chunk").endswith("hello from the program")
