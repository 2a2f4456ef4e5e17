"""An MCP source against the demo server, a real one built with the official SDK, over each transport."""

import base64
import subprocess
import sys
from contextlib import contextmanager

import anyio
import anyio.to_thread
import pytest

from acp_agent.base.errors import ToolError
from acp_agent.model.content import Image, Shown, Text
from acp_agent.model.mcp import HttpServer, McpServer, StdioServer
from acp_agent.model.toolcall import ToolOutcome
from acp_agent.ports import ServerContext, Tool
from acp_agent.tools.mcp.server import McpSource
from tests.tools.mcp_stage import CONTEXT, DEMO, running, until

TALK = ("count", "greet", "think", "roots", "learn")


@contextmanager
def http_server(option: str = "--http"):
    with subprocess.Popen([sys.executable, *DEMO, option, "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def by_name(tools: dict[str, Tool]) -> dict[str, Tool]:
    """Under the names the server gave them."""
    return {name.removeprefix("mcp__demo__"): tool for name, tool in tools.items()}


@contextmanager
def reachable(transport: str):
    match transport:
        case "stdio":
            yield StdioServer("demo", sys.executable, DEMO)
        case "http":
            with http_server() as url:
                yield HttpServer("demo", url)
        case _:
            with http_server("--sse") as url:
                yield HttpServer("demo", url, transport="sse")


@pytest.mark.parametrize("transport", ["stdio", "http", "sse"])
async def test_demo_server_works_and_its_death_is_noticed(transport, tmp_path):
    server: McpServer
    with reachable(transport) as server:
        source = McpSource(server, ServerContext(tmp_path))
        async with running(source) as listed:
            tools = by_name(listed)
            assert source.failure is None
            assert list(tools) == ["add", "echo", "slow", "die", "picture", "fail", *TALK]
            assert tools["add"].spec.kind == "read"
            assert tools["add"].spec.input_schema["required"] == ["a", "b"]

            shown = (Text("5"),)
            assert await tools["add"].run({"a": 2, "b": 3}, CONTEXT) == ToolOutcome(
                shown, display=(Shown(shown[0]),), raw_output={"result": 5}
            )
            picture = (await tools["picture"].run({}, CONTEXT)).for_model[0]
            assert isinstance(picture, Image)
            assert picture.mime_type == "image/png"
            assert base64.b64decode(picture.data).startswith(b"\x89PNG")
            failed = await tools["fail"].run({}, CONTEXT)
            assert failed.is_error
            assert "failed as asked" in str(failed.for_model)
            refused = await tools["add"].run({"a": "x"}, CONTEXT)
            assert refused.is_error

            with anyio.move_on_after(0.05) as hurry:
                await tools["slow"].run({"seconds": 600}, CONTEXT)
            assert hurry.cancelled_caught
            assert (await tools["echo"].run({"text": "still here"}, CONTEXT)).for_model == (
                Text("still here"),
            )

            with pytest.raises(ToolError, match="`demo` ended during the call; its tools are gone"):
                await tools["die"].run({}, CONTEXT)
            await until(lambda: source.failure is not None)
            assert source.failure is not None
            assert source.failure.startswith("MCP server `demo` ")
            assert source.tools() == ()


async def test_unreachable_server_is_reported_without_its_secrets(tmp_path, caplog):
    server = HttpServer(
        "far",
        "http://user:hush-hush@127.0.0.1:9/path-secret/mcp?key=query-secret",
        (("Authorization", "Bearer header-secret"),),
    )
    source = McpSource(server, ServerContext(tmp_path))
    async with running(source) as tools:
        assert tools == {}
    assert source.failure == "MCP server `far` cannot be reached: All connection attempts failed"
    for secret in ("hush-hush", "path-secret", "query-secret", "header-secret"):
        assert secret not in caplog.text + repr(server)


async def test_unusable_header_is_reported_without_its_value(tmp_path, caplog):
    server = HttpServer("far", "http://127.0.0.1:9/mcp", (("X-Key", "line-one\nline-two"),))
    source = McpSource(server, ServerContext(tmp_path))
    async with running(source):
        assert source.failure is not None
        assert "MCP server `far`" in source.failure
        assert "line-" not in source.failure + caplog.text


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (
            401,
            "HTTP status 401: it wants credentials; give the header it expects in `mcp_servers.no.headers`",
        ),
        (500, "HTTP status 500"),
        (404, "HTTP status 404"),
    ],
)
@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_refusing_server_is_reported_with_its_status(status, advice, transport, tmp_path):
    async def refuse(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, refuse)
            source = McpSource(
                HttpServer("no", f"http://127.0.0.1:{port}/mcp", (), transport), ServerContext(tmp_path)
            )
            async with running(source):
                assert source.failure is not None
                assert f"HTTP status {status}" in source.failure
                if transport == "http":
                    assert advice in source.failure
            tasks.cancel_scope.cancel()
