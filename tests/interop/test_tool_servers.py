"""MCP servers a client names: the demo server over stdio and HTTP, one that the client is, some that fail."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from typing import TYPE_CHECKING

import anyio
import pytest
from acp import schema

from acp_agent.testing.model_server import in_order
from tests.interop.history import conversation
from tests.interop.stage import Lifeline, RawClient, Service, Stage, prompt_params

if TYPE_CHECKING:
    from tests.interop.conftest import OpenEditor

DEMO = [sys.executable, "-m", "acp_agent.testing.demo_mcp"]


@pytest.fixture
def demo(lifeline: Lifeline) -> schema.McpServerStdio:
    """The demo server as a child; the lifeline says when it is there and when it is gone."""
    command = f"{lifeline.hold} exec {' '.join(DEMO)}"
    return schema.McpServerStdio(name="demo", command="/bin/sh", args=["-c", command], env=[])


@pytest.fixture
def demo_url() -> Generator[str]:
    with subprocess.Popen([*DEMO, "--http", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def offered(request: object) -> list[str]:
    """The names of the tools the model was offered."""
    tools = request.body["tools"]  # pyright: ignore
    return [tool.get("name") or tool["function"]["name"] for tool in tools]  # pyright: ignore


async def test_a_servers_tool_reaches_the_model_and_its_result_too(
    stage: Stage, service: Service, open_editor: OpenEditor, demo: schema.McpServerStdio, lifeline: Lifeline
) -> None:
    model = await stage.model(in_order('call: mcp__demo__add {"a": 40, "b": 2}', "say: {result}"), service)
    editor = await open_editor()
    session = await editor.open(mcp_servers=[demo])
    assert await session.ask("add") == "end_turn"
    assert "mcp__demo__add" in offered(model.requests[0])
    assert "bash" in offered(model.requests[0])
    [shown] = session.calls()
    assert (shown["status"], shown["rawInput"]) == ("completed", {"a": 40, "b": 2})
    assert session.text() == "42"

    await lifeline.wait_held()
    await editor.connection.close_session(session.id)
    await lifeline.wait_gone()


async def test_a_server_over_http_works_alike(stage: Stage, open_editor: OpenEditor, demo_url: str) -> None:
    editor = await open_editor(in_order('call: mcp__demo__echo {"text": "over http"}', "say: {result}"))
    server = schema.HttpMcpServer(type="http", name="demo", url=demo_url, headers=[])
    session = await editor.open(mcp_servers=[server])
    assert await session.ask("echo") == "end_turn"
    assert len(editor.questions) == 1
    assert session.text() == "over http"


async def test_dead_servers_are_named_and_the_session_works(stage: Stage, open_editor: OpenEditor) -> None:
    def stdio(name: str, command: str, *args: str) -> schema.McpServerStdio:
        return schema.McpServerStdio(name=name, command=command, args=list(args), env=[])

    editor = await open_editor("say: I can still talk.")
    servers = [
        stdio("missing", "/no/such/command"),
        stdio("exits", sys.executable, "-c", "import sys; sys.exit('out of order')"),
        schema.HttpMcpServer(type="http", name="refused", url="http://127.0.0.1:9/mcp", headers=[]),
    ]
    session = await editor.open(mcp_servers=servers)
    assert await session.ask("hi") == "end_turn"
    text = session.text()
    for name in ("missing", "exits", "refused"):
        assert f"`{name}`" in text
    assert "out of order" in text
    assert text.endswith("I can still talk.")
    assert not any(name.startswith("mcp__") for name in offered(stage.models[0].requests[0]))


async def test_a_server_that_dies_in_a_call_fails_the_call_and_not_the_turn(
    stage: Stage, open_editor: OpenEditor, demo: schema.McpServerStdio, lifeline: Lifeline
) -> None:
    model = await stage.model(
        in_order("call: mcp__demo__die {}", 'call: mcp__demo__add {"a": 1, "b": 1}', "say: survived")
    )
    session = await (await open_editor()).open(mcp_servers=[demo])
    assert await session.ask("die") == "end_turn"
    assert [one["status"] for one in session.calls()] == ["failed", "failed"]
    assert session.text().endswith("survived")
    assert "demo" in conversation(model.requests[1])
    await lifeline.wait_held()
    await lifeline.wait_gone()


async def test_cancel_in_a_servers_call_keeps_the_server(
    stage: Stage, open_editor: OpenEditor, demo: schema.McpServerStdio
) -> None:
    editor = await open_editor(
        'call: mcp__demo__slow {"seconds": 600}\n'
        'when: next\ncall: mcp__demo__add {"a": 1, "b": 2}\n---\nsay: {result}'
    )
    session = await editor.open(mcp_servers=[demo])
    turn = session.begin("slow")
    await session.seen("tool_call_update", status="in_progress")
    await session.cancel()
    assert await turn.result() == "cancelled"
    assert await session.ask("next") == "end_turn"
    assert session.text() == "3"


@pytest.mark.parametrize("way", ["end of input", "kill"])
async def test_servers_do_not_outlive_the_agent(
    stage: Stage, demo: schema.McpServerStdio, lifeline: Lifeline, way: str
) -> None:
    client = await stage.raw()
    params = {"cwd": str(stage.cwd), "mcpServers": [demo.model_dump(exclude_none=True)]}
    assert "result" in await client.ask("session/new", params)
    await lifeline.wait_held()
    if way == "kill":
        client.agent.process.kill()
        client.agent.expected_exit = None
    else:
        await client.agent.close_input()
    code = await client.agent.wait_exit()
    assert code == (-9 if way == "kill" else 0)
    await lifeline.wait_gone()


async def test_progress_of_a_call_is_shown_while_it_runs(
    open_editor: OpenEditor, demo: schema.McpServerStdio
) -> None:
    editor = await open_editor(in_order('call: mcp__demo__count {"to": 2}', "say: {result}"))
    session = await editor.open(mcp_servers=[demo])
    assert await session.ask("count") == "end_turn"
    shown = [
        update["content"][0]["content"]["text"]
        for update in session.updates("tool_call_update")
        if update.get("content")
    ]
    assert shown[0] == "counting 1 (1 of 2)"
    assert session.text() == "counted to 2"


async def test_resources_and_prompts_of_a_server_reach_the_model(
    stage: Stage, service: Service, open_editor: OpenEditor, demo: schema.McpServerStdio
) -> None:
    read = 'call: mcp_read_resource {"uri": "demo://squares/12"}'
    model = await stage.model(in_order(read, "say: {result}", "say: read", "say: reviewed"), service)
    editor = await open_editor()
    session = await editor.open(mcp_servers=[demo])
    assert await session.ask("square") == "end_turn"
    assert {"mcp_list_resources", "mcp_read_resource"} <= set(offered(model.requests[0]))
    assert session.text().endswith("144")
    link = schema.ResourceContentBlock(type="resource_link", uri="demo://motto", name="motto")
    await editor.connection.prompt(session.id, [link])
    assert "small is beautiful" in conversation(model.requests[2])
    assert await session.ask("/mcp:demo:review Go speed") == "end_turn"
    assert "Review this Go code for speed." in conversation(model.requests[3])
    await session.seen("available_commands_update")
    assert "mcp:demo:review" in json.dumps(session.updates("available_commands_update"))


INNER = {
    "server/discover": {
        "supportedVersions": ["2026-07-28"],
        "capabilities": {"tools": {}},
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
    },
    "tools/list": {
        "tools": [{"name": "build", "inputSchema": {"type": "object"}}],
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
    },
    "tools/call": {"content": [{"type": "text", "text": "built"}], "resultType": "complete"},
}


async def test_a_server_that_the_client_is_works_over_their_connection(stage: Stage) -> None:
    await stage.model(in_order("call: mcp__own__build {}", "say: {result}"))
    client = await stage.raw()
    agent = client.agent

    async def serve() -> None:
        position = 0
        while True:
            request = await agent.seen(
                lambda frame: frame.get("method") in ("mcp/message", "session/request_permission"),
                after=position,
            )
            position = 1 + next(i for i, line in enumerate(agent.log) if line.frame is request)
            params = request["params"]
            if request["method"] == "session/request_permission":
                result = {"outcome": {"outcome": "selected", "optionId": "allow_once"}}
            else:
                assert params["serverId"] == "id-1"
                result = {"result": INNER[params["method"]]}
                if params["method"] == "tools/call":
                    token = params["params"]["_meta"]["progressToken"]
                    progress = {"progressToken": token, "progress": 1, "total": 2, "message": "compiling"}
                    notification = {**params, "method": "notifications/progress", "params": progress}
                    await client.notify("mcp/message", notification)
            await agent.write({"jsonrpc": "2.0", "id": request["id"], "result": result})

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        server = {"type": "acp", "name": "own", "serverId": "id-1"}
        opened = await client.ask("session/new", {"cwd": str(stage.cwd), "mcpServers": [server]})
        session_id = opened["result"]["sessionId"]
        answer = await client.ask("session/prompt", prompt_params(session_id, "build"))
        assert answer["result"]["stopReason"] == "end_turn"
        tasks.cancel_scope.cancel()
    updates = json.dumps(agent.updates(session_id))
    assert "compiling (1 of 2)" in updates
    assert "built" in updates


async def test_mcp_over_acp_is_advertised(stage: Stage) -> None:
    client = RawClient(await stage.agent())
    result = await client.initialize()
    assert result["agentCapabilities"]["mcpCapabilities"]["acp"] is True
