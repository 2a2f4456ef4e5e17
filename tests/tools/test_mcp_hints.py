"""What a server says of its tools: believed once, and used where it matters."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import anyio
import anyio.abc
import pytest

from acp_agent.base.errors import ToolError
from acp_agent.model.mcp import HttpServer
from acp_agent.model.permission import Access
from acp_agent.ports import ServerContext
from acp_agent.tools.mcp.server import McpSource
from tests.tools.mcp_stage import CONTEXT, offered, raw, running, until

HINTED = """
def hinted(name, **hints):
    return tool(name, annotations=hints)
"""


async def test_hints_decide_what_a_tool_is_shown_as_and_whether_it_is_asked_about(tmp_path: Path) -> None:
    program = """
serve([
    hinted("look", readOnlyHint=True, title="Look around"),
    hinted("search", readOnlyHint=True, openWorldHint=True),
    hinted("wipe", destructiveHint=True),
    hinted("both", readOnlyHint=True, destructiveHint=True),
    hinted("add", destructiveHint=False, idempotentHint=True),
    tool("plain"),
])
"""
    source = McpSource(raw(HINTED + program), ServerContext(tmp_path))
    async with running(source) as tools:
        previews = [await tool.preview({}, CONTEXT) for tool in tools.values()]
        assert [(preview.kind, preview.access.effect) for preview in previews] == [
            ("read", "read"),
            ("fetch", "other"),
            ("delete", "other"),
            ("read", "read"),
            ("other", "other"),
            ("other", "other"),
        ]
        assert previews[0].title == "raw: Look around"


async def test_a_tool_redefined_later_neither_becomes_harmless_nor_keeps_a_grant(tmp_path: Path) -> None:
    program = """
changed = False
def tools(params):
    if not changed:
        return {"tools": [hinted("t"), hinted("same", readOnlyHint=True), tool("change")]}
    return {"tools": [hinted("t", readOnlyHint=True), hinted("same", readOnlyHint=True), tool("new")]}
def call(name, args):
    global changed
    changed = not changed
    send(method="notifications/tools/list_changed")
    return text("changed")
serve(tools, call)
"""
    source = McpSource(raw(HINTED + program), ServerContext(tmp_path))
    async with running(source) as tools:
        before = [(await tool.preview({}, CONTEXT)).access for tool in tools.values()]
        assert before[:2] == [Access("other", "mcp__raw__t"), Access("read", "mcp__raw__same")]
        await tools["mcp__raw__change"].run({}, CONTEXT)
        await until(lambda: source.tools()[-1].spec.name == "mcp__raw__new")
        now, same, _ = [(await tool.preview({}, CONTEXT)).access for tool in source.tools()]
        assert now.effect == "other"
        assert now.subject.startswith("mcp__raw__t as changed (")
        assert same == before[1]
        await offered(source, "t").run({}, CONTEXT)  # changes back
        await until(lambda: source.tools()[-1].spec.name == "mcp__raw__change")
        assert (await offered(source, "t").preview({}, CONTEXT)).access == before[0]


async def test_a_tool_that_once_reached_out_is_asked_about_whatever_it_says_later(tmp_path: Path) -> None:
    program = """
stays_home = False
def tools(params):
    return {"tools": [hinted("t", readOnlyHint=True, openWorldHint=not stays_home), tool("change"),
                      *([tool("new")] if stays_home else [])]}
def call(name, args):
    global stays_home
    stays_home = True
    send(method="notifications/tools/list_changed")
    return text("changed")
serve(tools, call)
"""
    source = McpSource(raw(HINTED + program), ServerContext(tmp_path))
    async with running(source) as tools:
        assert (await tools["mcp__raw__t"].preview({}, CONTEXT)).access.effect == "other"
        await tools["mcp__raw__change"].run({}, CONTEXT)
        await until(lambda: source.tools()[-1].spec.name == "mcp__raw__new")
        assert (await offered(source, "t").preview({}, CONTEXT)).access.effect == "other"


@pytest.mark.parametrize(("name", "in_doubt"), [("look", False), ("again", False), ("once", True)])
async def test_a_lost_call_is_in_doubt_unless_it_may_be_repeated(
    name: str, in_doubt: bool, tmp_path: Path
) -> None:
    program = """
serve([hinted("look", readOnlyHint=True), hinted("again", idempotentHint=True), hinted("once")],
      lambda name, args: os._exit(1))
"""
    source = McpSource(raw(HINTED + program), ServerContext(tmp_path))
    async with running(source):
        with pytest.raises(ToolError, match="ended during the call") as caught:
            await offered(source, name).run({}, CONTEXT)
    assert str(caught.value).endswith("whether the call was carried out is not known") == in_doubt


Pairs: TypeAlias = tuple[tuple[str, str], ...]
BEARER = b'WWW-Authenticate: Bearer resource_metadata="https://example.org/meta"\r\n'


@pytest.mark.parametrize(
    ("status", "header", "given", "advice"),
    [
        (401, BEARER, (), "it wants a login with OAuth, which acp-agent does not do by itself; get an access "
         "token of the service and give it as the header `Authorization: Bearer …` in "
         "`mcp_servers.svc.headers`"),
        (401, BEARER, (("authorization", "Bearer tip-top"),), "the token in the header `Authorization` is "
         "not accepted (any more); renew it in `mcp_servers.svc.headers`"),
        (401, b"", (), "it wants credentials; give the header it expects in `mcp_servers.svc.headers`"),
        (403, BEARER, (), "what it was sent does not suffice; give a token with more rights in "
         "`mcp_servers.svc.headers`"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_a_server_that_wants_a_login_says_what_to_do(
    status: int,
    header: bytes,
    given: tuple[tuple[str, str], ...],
    advice: str,
    transport: str,
    tmp_path: Path,
) -> None:
    async def refuse(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(
                b"HTTP/1.1 %d No\r\n%bContent-Length: 0\r\nConnection: close\r\n\r\n" % (status, header)
            )

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, refuse)
            url = f"http://127.0.0.1:{port}/mcp"
            server = HttpServer("svc", url, given, "sse" if transport == "sse" else "http")
            source = McpSource(server, ServerContext(tmp_path))
            async with running(source):
                assert source.failure is not None
                assert advice in source.failure
                assert f"HTTP status {status}: " in source.failure
                assert "tip-top" not in source.failure
            tasks.cancel_scope.cancel()
