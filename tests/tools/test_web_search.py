"""Searching the web: what each service is sent, what the model reads of its answer, where no key goes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

import anyio
import pytest
from anyio.abc import SocketStream

from acp_agent.base.errors import ToolError
from acp_agent.base.jsontext import JsonValue
from acp_agent.model.content import Text
from acp_agent.model.permission import Access
from acp_agent.ports import Preview, ToolContext
from acp_agent.tools.web.search import WebSearchTool
from acp_agent.tools.web.services import Found, search_service
from tests.patience import PATIENCE

KEY = "k-123-of-the-user"


@asynccontextmanager
async def service(answer: Callable[[], bytes]) -> AsyncGenerator[tuple[str, list[str]]]:
    """A search service on loopback, and the requests it got."""
    requests: list[str] = []

    async def serve(stream: SocketStream) -> None:
        async with stream:
            request = b""
            while b"\r\n\r\n" not in request:
                request += await stream.receive()
            head, _, body = request.partition(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            while len(body) < int(length or 0):
                body += await stream.receive()
            requests.append((head + b"\r\n\r\n" + body).decode())
            await stream.send(answer())

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        with anyio.fail_after(PATIENCE):
            yield f"http://127.0.0.1:{port}", requests
        tasks.cancel_scope.cancel()


def response(body: object, *, status: str = "200 OK", more: str = "") -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n{more}\r\n"
    )
    return head.encode() + content


def tool(kind: Literal["brave", "tavily", "searxng"], url: str, key: str = KEY) -> WebSearchTool:
    return WebSearchTool(search_service(kind, url, lambda: key))


async def search(made: WebSearchTool, context: ToolContext, **args: Any) -> str:
    (part,) = (await made.run({"query": "anyio & trio", **args}, context)).for_model
    assert isinstance(part, Text)
    return part.text


async def test_what_is_searched_for_is_shown_and_every_search_is_one_subject(context: ToolContext) -> None:
    preview = await tool("brave", "http://127.0.0.1:9").preview({"query": "anyio"}, context)
    assert preview == Preview("Search the web for `anyio`", "fetch", Access("other", "web_search"))
    with pytest.raises(ToolError, match="`limit`: expected int <= 50"):
        await tool("brave", "http://127.0.0.1:9").preview({"query": "a", "limit": 51}, context)
    with pytest.raises(ToolError, match="`timeout`: expected int <= 60"):
        await tool("brave", "http://127.0.0.1:9").preview({"query": "a", "timeout": 61}, context)


async def test_brave_is_asked_with_its_token_and_its_results_are_plain_text(context: ToolContext) -> None:
    results = [
        {
            "title": "AnyIO &amp; Trio",
            "url": "https://a.example/",
            "description": "<strong>Both</strong> run",
        },
        {"title": "", "url": "https://b.example/x", "description": None},
        {"title": "no link", "url": "javascript:alert(1)", "description": "x"},
    ]
    async with service(lambda: response({"web": {"results": results}})) as (url, requests):
        said = await search(tool("brave", url), context, limit=30)
    assert (
        said
        == "1. AnyIO & Trio\n   https://a.example/\n   Both run\n\n2. https://b.example/x\n   https://b.example/x"
    )
    assert requests[0].startswith("GET /res/v1/web/search?q=anyio+%26+trio&count=20 HTTP/1.1\r\n")
    assert f"x-subscription-token: {KEY}\r\n" in requests[0]


async def test_tavily_is_asked_with_a_body_and_a_bearer(context: ToolContext) -> None:
    results = [{"title": f"T{n}", "url": f"https://{n}.example", "content": "c" * 900} for n in range(5)]
    async with service(lambda: response({"results": results})) as (url, requests):
        said = await search(tool("tavily", url), context, limit=2)
    assert said.count("https://") == 2
    assert max(map(len, said.splitlines())) < 600
    head, _, body = requests[0].partition("\r\n\r\n")
    assert head.startswith("POST /search HTTP/1.1\r\n")
    assert f"authorization: Bearer {KEY}" in head
    assert json.loads(body) == {"query": "anyio & trio", "max_results": 2}


async def test_searxng_is_asked_for_json_and_needs_no_key(context: ToolContext) -> None:
    results = [{"title": "T", "url": "https://a.example", "content": "text"}]
    async with service(lambda: response({"results": results})) as (url, requests):
        assert await search(tool("searxng", url, ""), context) == "1. T\n   https://a.example\n   text"
    assert requests[0].startswith("GET /search?q=anyio+%26+trio&format=json HTTP/1.1\r\n")
    assert "authorization" not in requests[0]


@pytest.mark.parametrize("answer", [{}, [], {"results": 5}, {"results": [None, 3, {"url": 4}]}, {"web": []}])
@pytest.mark.parametrize("kind", ["brave", "tavily", "searxng"])
def test_what_is_not_understood_of_an_answer_is_left_out(
    kind: Literal["brave", "tavily", "searxng"], answer: JsonValue
) -> None:
    found = search_service(kind, "https://a.example", lambda: KEY).found(answer)
    assert [one for one in found if one != Found("", "", "")] == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (response({}, status="302 Found", more="location: https://evil.example/\r\n"), "correct `base_url`"),
        (response({}, status="401 Unauthorized"), r"refused the request \(status 401\)"),
        (response({}, status="403 Forbidden"), r"refused the request \(status 403\)"),
        (response({}, status="429 Too Many Requests"), "nobody ask more often"),
        (response({}, status="500 Oops"), "answered with status 500"),
        (response(b"<html>"), "did not answer with JSON"),
        (b"HTTP/1.1 nonsense\r\n\r\n", "cannot be reached: RemoteProtocolError"),
        (response(b'"' + b"x" * (2 << 20) + b'"'), "more than 2097152 bytes"),
    ],
)
async def test_a_failure_is_told_without_the_key(answer: bytes, message: str, context: ToolContext) -> None:
    async with service(lambda: answer) as (url, requests):
        with pytest.raises(ToolError, match=message) as caught:
            await search(tool("brave", url), context)
    assert KEY not in str(caught.value)
    assert len(requests) == 1


async def test_a_service_that_is_not_there_is_told(context: ToolContext) -> None:
    with pytest.raises(ToolError, match="cannot be reached: ConnectError"):
        await search(tool("brave", "http://127.0.0.1:9"), context)


async def test_nothing_found_is_said(context: ToolContext) -> None:
    async with service(lambda: response({"results": []})) as (url, _):
        assert await search(tool("searxng", url), context) == "(nothing found)"
