"""A server that the client is, reached by messages: the demo server behind a bridge, and made up ones."""

import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import anyio
import msgspec
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from acp_agent.base.errors import ConnectionLost, ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.content import Text, shown_text
from acp_agent.model.mcp import ChannelServer
from acp_agent.model.question import Accepted, Answer, Form, Question
from acp_agent.model.toolcall import ToolCallPatch
from acp_agent.ports import MessageChannel, ServerContext
from acp_agent.tools.mcp.server import McpSource
from tests.tools.mcp_stage import CONTEXT, DEMO, running, said, until

SERVER = ChannelServer("demo", "id-1")
Notified = Callable[[str, JsonObject], None]


class Bridge:
    """Carries requests to a child that speaks MCP on stdin and stdout."""

    def __init__(self, process: anyio.abc.Process) -> None:
        self._process = process
        self._n = 0
        self._answers: dict[str, tuple[anyio.Event, list[JsonObject]]] = {}
        self._notified: dict[str, Notified] = {}
        self._tokens: dict[str, str] = {}  # request by progress token
        self.methods: list[str] = []

    def new_request_id(self) -> str:
        self._n += 1
        return f"r{self._n}"

    async def request(
        self, server_id: str, request_id: str, method: str, params: JsonObject | None, notified: Notified
    ) -> JsonObject:
        assert server_id == "id-1"
        self.methods.append(method)
        self._answers[request_id] = (anyio.Event(), [])
        self._notified[request_id] = notified
        meta = (params or {}).get("_meta")
        if isinstance(meta, dict):
            self._tokens[str(meta.get("progressToken"))] = request_id
        await self._send(
            {"id": request_id, "method": method, **({} if params is None else {"params": params})}
        )
        there, answer = self._answers[request_id]
        try:
            await there.wait()
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._send({"method": "notifications/cancelled", "params": {"requestId": request_id}})
            raise
        return {key: answer[0][key] for key in ("result", "error") if key in answer[0]}

    async def receive(self) -> None:
        assert self._process.stdout is not None
        lines = BufferedByteReceiveStream(self._process.stdout)
        while True:
            message = json.loads(await lines.receive_until(b"\n", 1 << 24))
            if "id" in message:
                there, answer = self._answers[message["id"]]
                answer.append(message)
                there.set()
                continue
            params = message.get("params", {})
            request_id = params.get("_meta", {}).get("io.modelcontextprotocol/subscriptionId")
            request_id = request_id or self._tokens.get(str(params.get("progressToken")))
            if request_id is not None:
                self._notified[request_id](message["method"], params)

    async def _send(self, message: JsonObject) -> None:
        assert self._process.stdin is not None
        await self._process.stdin.send(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


@asynccontextmanager
async def bridged() -> AsyncGenerator[Bridge]:
    command = [sys.executable, *DEMO]
    async with await anyio.open_process(command, stderr=subprocess.DEVNULL) as process:
        bridge = Bridge(process)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bridge.receive)
            yield bridge
            tasks.cancel_scope.cancel()
        process.kill()


@asynccontextmanager
async def reached(channel: MessageChannel | None, cwd: Path) -> AsyncGenerator[McpSource]:
    source = McpSource(SERVER, ServerContext(cwd, channel, roots=lambda: (cwd,)), connect_timeout=20)
    async with running(source):
        yield source


async def test_a_real_server_works_through_the_clients_connection(tmp_path: Path) -> None:
    reports: list[ToolCallPatch] = []
    context = msgspec.structs.replace(CONTEXT, report=reports.append)
    async with bridged() as bridge, reached(bridge, tmp_path) as source:
        assert source.failure is None
        assert bridge.methods[0] == "server/discover"
        assert await said(source, "add", {"a": 40, "b": 2}) == "42"
        assert await said(source, "count", {"to": 3}, context) == "counted to 3"
        assert reports[0] == ToolCallPatch(content=(shown_text("counting 1 (1 of 3)"),))
        (motto,) = await source.read_resource("demo://motto")
        assert motto.text == "small is beautiful"
        await until(lambda: bool(source.prompts()))
        assert await source.expand("review", {"language": "Go"}) == (Text("Review this Go code for errors."),)


async def test_its_changes_are_followed_by_subscription(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "acp_agent.tools.mcp.news")
    async with bridged() as bridge, reached(bridge, tmp_path) as source:
        await until(lambda: "subscriptions/listen" in bridge.methods)
        await said(source, "learn", {"word": "mellon"})
        await until(lambda: len(source.prompts()) == 2)
        assert await said(source, "mellon", {}) == "mellon!"
        await until(lambda: "announced a change" in caplog.text)  # the subscription itself got it


async def test_a_cancelled_call_withdraws_its_request(tmp_path: Path) -> None:
    async with bridged() as bridge, reached(bridge, tmp_path) as source:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(said, source, "slow", cast("JsonObject", {"seconds": 600}))
            await until(lambda: "tools/call" in bridge.methods)
            tasks.cancel_scope.cancel()
        assert await said(source, "add", {"a": 1, "b": 2}) == "3"


class Made:
    """Answers every request from a table; a missing entry is an error of the server."""

    def __init__(self, answers: dict[str, JsonObject | Exception]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, JsonObject]] = []

    def new_request_id(self) -> str:
        return f"r{len(self.asked)}"

    async def request(
        self, server_id: str, request_id: str, method: str, params: JsonObject | None, notified: Notified
    ) -> JsonObject:
        self.asked.append((method, params or {}))
        answer = self.answers.get(method, {"error": {"code": -32601, "message": "no such method"}})
        if isinstance(answer, Exception):
            raise answer
        return answer


OLD: dict[str, JsonObject | Exception] = {
    "initialize": {
        "result": {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "old", "version": "1"},
        }
    },
    "tools/list": {"result": {"tools": [{"name": "t", "inputSchema": {"type": "object"}}]}},
    "tools/call": {"result": {"content": [{"type": "text", "text": "fine"}]}},
}


async def test_a_server_of_the_older_protocol_is_greeted_its_way(tmp_path: Path) -> None:
    made = Made({**OLD})
    async with reached(made, tmp_path) as source:
        assert await said(source, "t", {}) == "fine"
    assert [method for method, _ in made.asked] == [
        "server/discover",
        "initialize",
        "tools/list",
        "tools/call",
    ]


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (
            ToolError("the client cannot reach it: no such server"),
            "the client cannot reach it: no such server",
        ),
        (ConnectionLost(), "closed the connection"),
        ({"result": None}, "the result is not an object"),
        ({"error": {"code": -32000, "message": "out of order"}}, "answered with an error: out of order"),
        ({"error": {"code": "x"}}, "MCP server `demo`"),
    ],
)
async def test_a_server_that_cannot_be_reached_is_named_with_the_reason(
    answer: JsonObject | Exception, failure: str, tmp_path: Path
) -> None:
    async with reached(Made({"server/discover": answer}), tmp_path) as source:
        assert source.failure is not None
        assert failure in source.failure
        assert source.tools() == ()


async def test_without_a_client_there_is_no_such_server(tmp_path: Path) -> None:
    async with reached(None, tmp_path) as source:
        assert source.failure == (
            "MCP server `demo` is reached through the client's connection, and this session has none"
        )


async def test_what_a_stateless_server_needs_is_asked_for_between_two_requests(tmp_path: Path) -> None:
    questions: list[Question] = []

    async def ask(question: Question) -> Answer:
        questions.append(question)
        return Accepted({"name": "Ada"})

    wanted: JsonObject = {
        "resultType": "input_required",
        "requestState": "s1",
        "inputRequests": {
            "who": {
                "method": "elicitation/create",
                "params": {
                    "mode": "form",
                    "message": "Who?",
                    "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}},
                },
            },
            "where": {"method": "roots/list"},
        },
    }
    discovered: JsonObject = {
        "supportedVersions": ["2026-07-28"],
        "capabilities": {"tools": {}},
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
    }
    tools: JsonObject = {
        "tools": [{"name": "t", "inputSchema": {"type": "object"}}],
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
    }
    final: JsonObject = {"content": [{"type": "text", "text": "hello Ada"}], "resultType": "complete"}

    class Asking(Made):
        async def request(
            self, server_id: str, request_id: str, method: str, params: JsonObject | None, notified: Notified
        ) -> JsonObject:
            if method == "tools/call" and "inputResponses" in (params or {}):
                self.answers["tools/call"] = {"result": final}
            return await super().request(server_id, request_id, method, params, notified)

    made = Asking(
        {
            "server/discover": {"result": discovered},
            "tools/list": {"result": tools},
            "tools/call": {"result": wanted},
        }
    )
    async with reached(made, tmp_path) as source:
        assert source.failure is None
        context = msgspec.structs.replace(CONTEXT, ask=ask, trace={"traceparent": "00-1-2-01"})
        assert await said(source, "t", {"a": 1}, context) == "hello Ada"
    (question,) = questions
    assert isinstance(question, Form)
    assert question.message == "MCP server `demo` asks: Who?"
    first, second = (params for method, params in made.asked if method == "tools/call")
    assert cast("JsonObject", first["_meta"])["traceparent"] == "00-1-2-01"
    assert second["requestState"] == "s1"
    assert second["inputResponses"] == {
        "who": {"action": "accept", "content": {"name": "Ada"}},
        "where": {"roots": [{"uri": tmp_path.as_uri(), "name": tmp_path.name}]},
    }
