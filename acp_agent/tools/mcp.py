"""The tools of one MCP server, for as long as a session lasts.

Start reading at `McpSource.run`: one task connects, stays, and cleans up, because the SDK's contexts must
be left by the task that entered them. Calls come from other tasks and only pass messages.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from acp_agent import __version__, ports
from acp_agent.base.errors import ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.mcp import HttpServer, McpServer, StdioServer
from acp_agent.tools.mcp_child import ChildReport, child_streams
from acp_agent.tools.mcp_http import HttpReport, http_streams
from acp_agent.tools.mcp_text import one_line, without_secrets
from acp_agent.tools.mcp_tool import McpTool

if TYPE_CHECKING:
    from mcp.client import ClientSession, IncomingMessage, Transport
    from mcp.types import CallToolResult

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT = 30.0
"""Seconds a server gets to start, say hello and list its tools."""

PROBE_TIMEOUT = 5.0
"""Seconds a server gets to show that it is there after it broke off an answer."""

MAX_TOOLS = 128
"""Tools taken from one server; more would crowd out everything else the model reads."""

_MAX_FAILURE = 800


class McpSource:
    """Connects a session to one MCP server and offers its tools.

    `cwd` is the session's working directory, where a child process is started. The server is gone, a child
    killed if need be, two seconds after `run` is cancelled at the latest.
    """

    def __init__(self, server: McpServer, cwd: Path, *, connect_timeout: float = CONNECT_TIMEOUT) -> None:
        self._server = server
        self._cwd = cwd
        self._connect_timeout = connect_timeout
        self._failure: str | None = None
        self._settled = anyio.Event()
        self._news = anyio.Event()
        self._ended = False
        # Set exactly while calls can be made; the tools are empty otherwise.
        self._session: ClientSession | None = None
        self._tools: tuple[McpTool, ...] = ()

    @property
    def name(self) -> str:
        """The server's configured name."""
        return self._server.name

    @property
    def failure(self) -> str | None:
        """Why the server offers nothing, naming it and free of its secrets; None while all is well."""
        return self._failure

    def tools(self) -> Sequence[McpTool]:
        """The tools offered now; none before the connection stands and after it ended."""
        return self._tools

    async def wait_settled(self) -> None:
        """Return once the tools are known, or the server has failed, or `run` has ended."""
        await self._settled.wait()

    async def run(self) -> None:
        """Connect and stay until cancelled, or until the server is gone, which `failure` then tells.

        Call it once.
        """
        try:
            reason = await self._attempt()
            text = without_secrets(f"{self._subject()} {reason}", self._server)
            self._failure = one_line(text, _MAX_FAILURE)
            logger.warning("%s", self._failure)
        finally:
            self._withdraw()
            self._settled.set()

    async def _attempt(self) -> str:
        """Connect and stay; the reason why that ended."""
        report, transport = self._transport()
        reason = f"did not offer its tools within {self._connect_timeout:g} s"
        with anyio.CancelScope(deadline=anyio.current_time() + self._connect_timeout) as connecting:
            try:
                await anyio.to_thread.run_sync(_load_sdk, abandon_on_cancel=True)
                await self._stay(transport, connecting)
                reason = "closed the connection"
            except Exception as exc:  # the boundary to the SDK and its transports
                reason = _reason(exc)
        return reason + report.summary()

    def _transport(self) -> tuple[ChildReport | HttpReport, Transport]:
        match self._server:
            case StdioServer():
                child = ChildReport(self._server)
                return child, child_streams(self._server, self._cwd, child)
            case HttpServer():
                answers = HttpReport()
                return answers, http_streams(self._server, answers)

    async def _stay(self, transport: Transport, connecting: anyio.CancelScope) -> None:
        """Offer the server's tools until its messages end. Once they are known, nothing is `connecting`."""
        from mcp.client import ClientSession  # lazy: loaded by `_attempt` in a thread
        from mcp.shared.message import SessionMessage
        from mcp.types import Implementation

        async with transport as (read, write), anyio.create_task_group() as tasks:
            # The SDK tells nobody when messages end, so they pass through here.
            send, receive = anyio.create_memory_object_stream[SessionMessage | Exception](0)

            async def hand_on() -> None:
                async with send:
                    try:
                        async for item in read:
                            await send.send(item)
                    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                        return  # the session is over
                    finally:  # before `send` closes, which makes calls fail that then ask why
                        self._ended = True
                        self._news.set()

            tasks.start_soon(hand_on)
            client = Implementation(name="acp-agent", version=__version__)
            async with ClientSession(
                receive, write, message_handler=self._notice, client_info=client
            ) as session:
                hello = await session.initialize()
                offers_tools = hello.capabilities.tools is not None
                tools = await self._list_tools(session) if offers_tools else ()
                connecting.deadline = math.inf
                self._session, self._tools = session, tools
                self._settled.set()
                try:
                    while not self._ended:
                        await self._news.wait()
                        self._news = anyio.Event()
                        if offers_tools and not self._ended:
                            with anyio.fail_after(self._connect_timeout):
                                self._tools = await self._list_tools(session)
                finally:
                    self._withdraw()
            tasks.cancel_scope.cancel()

    async def _list_tools(self, session: ClientSession) -> tuple[McpTool, ...]:
        from mcp.types import PaginatedRequestParams  # lazy: loaded by `_attempt` in a thread

        found: dict[str, McpTool] = {}
        cursor: str | None = None
        while True:
            page = await session.list_tools(
                params=None if cursor is None else PaginatedRequestParams(cursor=cursor)
            )
            for listed in page.tools:
                found.setdefault(listed.name, McpTool(self.name, listed, self._call))
            if not page.next_cursor or page.next_cursor == cursor:
                break
            cursor = page.next_cursor
            if len(found) >= MAX_TOOLS:
                break
        if len(found) > MAX_TOOLS or page.next_cursor:
            logger.warning("%s offers too many tools; the first %d are used", self._subject(), MAX_TOOLS)
        return tuple(found.values())[:MAX_TOOLS]

    async def _notice(self, message: IncomingMessage) -> None:
        from mcp.types import ToolListChangedNotification  # lazy: loaded by `_attempt` in a thread

        if isinstance(message, ToolListChangedNotification):
            self._news.set()

    async def _call(self, tool: str, args: JsonObject) -> CallToolResult:
        from mcp.types import (  # lazy: loaded by `_attempt` in a thread
            CallToolRequest,
            CallToolRequestParams,
            CallToolResult,
        )

        session = self._session
        if session is None or self._ended:
            raise ToolError(f"{self._subject()} is gone, and its tools with it; use other tools")
        request = CallToolRequest(params=CallToolRequestParams(name=tool, arguments=args))
        try:
            # Not `session.call_tool`: it turns answers that miss their declared output schema into errors,
            # after the work is done.
            return await session.send_request(request, CallToolResult)
        except Exception as exc:  # the boundary to the SDK and its transports
            if isinstance(self._server, HttpServer):
                await self._probe(session, exc)
            if self._ended or self._session is not session:
                problem = f"{self._subject()} ended during the call; its tools are gone, use other tools"
            else:
                problem = f"{self._subject()} {_reason(exc)}"
            raise ToolError(one_line(without_secrets(problem, self._server), _MAX_FAILURE)) from exc

    async def _probe(self, session: ClientSession, exc: Exception) -> None:
        """After an answer over HTTP broke off, find out whether the server is still there.

        If it is not, the connection notices by this message, and `run` ends.
        """
        from mcp import MCPError  # lazy: loaded by `_attempt` in a thread
        from mcp.types import CONNECTION_CLOSED

        if isinstance(exc, MCPError) and exc.code == CONNECTION_CLOSED and not self._ended:
            with anyio.move_on_after(PROBE_TIMEOUT), contextlib.suppress(MCPError):
                await session.send_ping()

    def _withdraw(self) -> None:
        self._session = None
        self._tools = ()

    def _subject(self) -> str:
        return f"MCP server `{one_line(self.name, 80)}`"


def _load_sdk() -> None:
    """Import what connecting needs: about half a second, which the event loop does not have."""
    for module in ("mcp.client.stdio", "mcp.client.streamable_http", "mcp.client.sse"):
        importlib.import_module(module)  # lazy: 0.4 to 0.8 s that only sessions with servers pay


def _reason(exc: Exception) -> str:
    """What went wrong, as the predicate of a sentence about the server."""
    import httpx2  # lazy: loaded by `_attempt` in a thread
    from mcp import MCPError
    from mcp.types import CONNECTION_CLOSED
    from pydantic import ValidationError

    match exc:
        case ExceptionGroup():
            return _reason(exc.exceptions[0])
        case ToolError():
            return str(exc)
        case MCPError() if exc.code == CONNECTION_CLOSED and exc.message == "Connection closed":
            return "closed the connection"
        case MCPError():
            return f"answered with an error: {exc.message}"
        case ValidationError():
            return "answered with something that is not MCP"
        case httpx2.HTTPStatusError():
            return f"answered with HTTP status {exc.response.status_code}"
        case TimeoutError():  # an OSError, so it comes first
            return "did not list its changed tools in time"
        case httpx2.HTTPError() | OSError():
            return f"cannot be reached: {exc or type(exc).__name__}"
        case _:
            return f"failed: {type(exc).__name__}: {exc}"


if TYPE_CHECKING:
    _: type[ports.ToolSource] = McpSource
