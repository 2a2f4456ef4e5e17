"""`initialize`, `authenticate` and `logout` of a freshly started command."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import acp
import pytest

from tests.interop.stage import COMMAND, FrameValidator, RawClient, Stage

if TYPE_CHECKING:
    from tests.interop.conftest import OpenEditor


@pytest.mark.parametrize("asked", [0, 1, 2, 65535])
async def test_every_version_number_is_answered_with_the_one_we_speak(stage: Stage, asked: int) -> None:
    client = RawClient(await stage.agent())
    answer = await client.ask("initialize", {"protocolVersion": asked})
    assert answer["result"]["protocolVersion"] == 1


async def test_what_is_no_version_number_is_refused_and_initialize_can_be_repeated(stage: Stage) -> None:
    client = RawClient(await stage.agent())
    client.agent.polite_client = False
    no_params: dict[str, Any] = {}
    wrong: list[Any] = [{"protocolVersion": value} for value in ("1", -1, 1.5, True, 100_000, None, [1])]
    for params in [*wrong, no_params, None]:
        assert (await client.ask("initialize", params))["error"]["code"] == -32602
    assert (await client.initialize())["protocolVersion"] == 1
    assert (await client.ask("initialize", {"protocolVersion": 1}))["error"]["code"] == -32600


async def test_optional_parts_of_a_wrong_type_count_as_absent(stage: Stage) -> None:
    client = RawClient(await stage.agent())
    client.agent.polite_client = False
    params = {"protocolVersion": 1, "clientCapabilities": ["no"], "clientInfo": 7, "_meta": "x", "other": 1}
    assert (await client.ask("initialize", params))["result"]["protocolVersion"] == 1
    await client.probe(stage.cwd)


async def test_nothing_is_served_before_initialize(stage: Stage) -> None:
    client = RawClient(await stage.agent())
    assert (await client.ask("session/list", {}))["error"]["code"] == -32600
    await client.initialize()
    assert (await client.ask("session/list", {}))["result"] == {"sessions": []}


async def test_the_agent_works_without_key_home_or_settings(stage: Stage, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    for home in ({}, {"HOME": str(locked)}, {"HOME": "/proc/no/such/home"}):
        client = RawClient(
            await stage.agent(env={"PATH": os.environ["PATH"], "XDG_DATA_HOME": "/proc/none", **home})
        )
        await client.initialize()
        await client.probe(stage.cwd)


async def test_the_terminal_login_is_offered_only_to_clients_with_terminals(stage: Stage) -> None:
    for capabilities, expected in (
        ({"auth": {"terminal": False}}, [None]),
        ({"auth": {"terminal": True}}, [None, "terminal"]),
    ):
        client = RawClient(await stage.agent())
        methods = (await client.initialize(**capabilities))["authMethods"]
        assert [method.get("type") for method in methods] == expected
        for method in methods:
            assert "result" in await client.ask("authenticate", {"methodId": method["id"]})


async def test_an_unknown_auth_method_is_refused_and_logout_answered(open_editor: OpenEditor) -> None:
    editor = await open_editor("say: hi")
    with pytest.raises(acp.RequestError) as refused:
        await editor.connection.authenticate("no-such-method")
    assert refused.value.code == -32602
    assert "configured" in str(refused.value)
    client = RawClient(editor.agent)
    assert await client.response(await client.request("logout", {}, request_id="out")) == {
        "jsonrpc": "2.0",
        "id": "out",
        "result": {},
    }


async def test_the_sdk_can_start_the_command_itself(stage: Stage, open_editor: OpenEditor) -> None:
    """The other tests put their own tap between; here the SDK owns the process and its pipes."""
    editor = await open_editor("say: Hello from the SDK.")
    validator = FrameValidator(unstable=True)

    def judge(event: acp.StreamEvent) -> None:
        validator.feed("agent" if event.direction == "incoming" else "client", json.dumps(event.message))

    env = {"ACP_AGENT_HOME": str(stage.home), **stage.env}
    async with acp.spawn_agent_process(editor, COMMAND, env=env, observers=[judge]) as (connection, process):
        await connection.initialize(1)
        opened = await connection.new_session(str(stage.cwd))
        answer = await connection.prompt(opened.session_id, [acp.text_block("hi")])
    assert answer.stop_reason == "end_turn"
    assert process.returncode == 0
    assert validator.problems == []
    editor.n_updates = 0  # those were not of the editor's own agent
