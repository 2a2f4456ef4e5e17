"""Drafts and conventions of version 1 as the official SDK and an editor's terminal use them."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import acp
import anyio
import pytest

from tests.interop.conftest import OpenEditor
from tests.interop.stage import COMMAND, PATIENCE, RawClient, Stage


async def test_the_official_sdk_forks_steers_and_archives(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor("say: You said {prompt}.")
    source = await editor.open()
    await source.ask("apples")
    with anyio.fail_after(PATIENCE):
        forked: Any = await editor.connection.fork_session(
            session_id=source.id, cwd=str(stage.cwd), mcp_servers=[]
        )
        outcome = await editor.connection.ext_method(
            "session/steering",
            {
                "sessionId": forked.session_id,
                "prompt": [acp.text_block("pears").model_dump(by_alias=True, exclude_none=True)],
                "_meta": {"steering": {"idleBehavior": "promptRequired"}},
            },
        )
    assert outcome == {"outcome": "promptRequired", "reason": "noRunningTurn"}
    archived = await editor.agent_request("session/archive", {"sessionId": source.id})
    assert archived["result"] == {}
    with anyio.fail_after(PATIENCE):
        listed = await editor.connection.list_sessions()
    assert [entry.session_id for entry in listed.sessions] == [forked.session_id]


@pytest.mark.parametrize("arguments", [[], ["serve"], ["serve", "--log-level", "error"]])
@pytest.mark.parametrize("way", ["told whole", "appended"])
async def test_the_login_that_is_told_enters_a_key_for_the_agent_that_told_it(
    stage: Stage, arguments: list[str], way: str
) -> None:
    command = [COMMAND, *arguments]
    client = RawClient(await stage.agent(*command))
    methods = (await client.initialize(_meta={"terminal-auth": True}, auth={"terminal": True}))["authMethods"]
    (login,) = [method for method in methods if method["id"] == "login"]
    told = login["_meta"]["terminal-auth"]
    if way == "told whole":
        line, own = [told["command"], *told["args"]], told["env"]
    else:
        line, own = [*command, *login["args"]], {"ACP_AGENT_HOME": str(stage.home)}
    env = {"PATH": os.environ["PATH"], **own}
    before = (await client.ask("auth/status"))["result"]
    with anyio.fail_after(PATIENCE):
        await anyio.run_process(line, input=b"sk-entered-by-hand\n", env=env, stderr=subprocess.STDOUT)
    await client.ask("authenticate", {"methodId": "configured"})
    (after,) = client.agent.frames("auth/status_update")
    assert (before["state"], after["state"]) == ("not_required", "authenticated")
