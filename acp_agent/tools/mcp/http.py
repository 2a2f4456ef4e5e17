"""An MCP server reached over HTTP, by either of the protocol's two transports."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

from acp_agent.model.mcp import HttpServer

if TYPE_CHECKING:
    import httpx2
    from mcp.client import Transport

    # Types only: the SDK exports what uses these two, but not them.
    from mcp.shared._stream_protocols import (  # pyright: ignore[reportPrivateUsage]
        ReadStream,
        WriteStream,
    )
    from mcp.shared.message import SessionMessage

    TransportStreams: TypeAlias = tuple[ReadStream[SessionMessage | Exception], WriteStream[SessionMessage]]

IO_TIMEOUT = 30.0
"""Seconds to connect and to send."""

SILENCE_TIMEOUT = 300.0
"""Seconds of silence after which an open answer counts as lost."""

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Length of the longest answer accepted, and of the longest event; over `sse` the SDK sets its own bound."""

_REFUSALS = (401, 403)


class HttpReport:
    """What is known about a server besides its messages."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._status: int | None = None
        self._login = ""

    async def note(self, response: httpx2.Response) -> None:
        """Remember how the last message was answered, and whether anything was refused."""
        refused = response.status_code in _REFUSALS
        if refused or response.request.method == "POST":
            self._status = response.status_code
            self._login = response.headers.get("WWW-Authenticate", "") if refused else ""

    def summary(self) -> str:
        """What explains a failure best, as the end of a sentence; empty when nothing is known."""
        match self._status:
            case 401 | 403:
                return f"; HTTP status {self._status}: {self._what_to_do()}"
            case int() if self._status >= 400:
                return f"; HTTP status {self._status}"
            case _:
                return ""

    def _what_to_do(self) -> str:
        given = {name.lower() for name, _ in self._server.headers}
        place = f"`mcp_servers.{self._server.name}.headers`, or in the editor's settings if it is from there"
        if self._status == 403:
            return f"what it was sent does not suffice; give a token with more rights in {place}"
        if "authorization" in given:
            return f"the token in the header `Authorization` is not accepted (any more); renew it in {place}"
        if self._login.lower().startswith("bearer"):
            return (
                "it wants a login with OAuth, which acp-agent does not do by itself; get an access token of "
                f"the service and give it as the header `Authorization: Bearer …` in {place}"
            )
        return f"it wants credentials; give the header it expects in {place}"


def http_streams(server: HttpServer, report: HttpReport) -> Transport:
    """Exchange messages with the server while the context is open."""
    match server.transport:
        case "http":
            return _streamable_http(server, report)
        case "sse":
            return _server_sent_events(server, report)


@asynccontextmanager
async def _streamable_http(server: HttpServer, report: HttpReport) -> AsyncGenerator[TransportStreams]:
    from mcp.client.streamable_http import streamable_http_client  # lazy: loaded by the caller in a thread

    async with (
        _client(server, report) as client,
        streamable_http_client(
            server.url, http_client=client, max_sse_event_size=MAX_ANSWER_BYTES
        ) as streams,
    ):
        yield streams


@asynccontextmanager
async def _server_sent_events(server: HttpServer, report: HttpReport) -> AsyncGenerator[TransportStreams]:
    from mcp.client.sse import sse_client  # lazy: loaded by the caller in a thread

    def client(
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
    ) -> httpx2.AsyncClient:
        return _client(server, report)

    async with sse_client(server.url, httpx_client_factory=client) as streams:
        yield streams


def _client(server: HttpServer, report: HttpReport) -> httpx2.AsyncClient:
    import httpx2  # lazy: loaded by the caller in a thread

    from acp_agent.tools.mcp.bounded import bound  # lazy: imports httpx2

    async def limit(response: httpx2.Response) -> None:
        bound(response, MAX_ANSWER_BYTES)

    return httpx2.AsyncClient(
        # What is compressed cannot be bounded before it is unpacked.
        headers=[("Accept-Encoding", "identity"), *server.headers],
        timeout=httpx2.Timeout(IO_TIMEOUT, read=SILENCE_TIMEOUT),
        event_hooks={"response": [report.note, limit]},
    )
