"""What one MCP server offers, for as long as a session lasts.

Start reading at `McpSource.run`: one task connects, stays, and cleans up, because the SDK's contexts must
be left by the task that entered them. Calls come from other tasks and only pass messages.
"""

from __future__ import annotations

import importlib
import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from acp_agent import __version__, ports
from acp_agent.base.errors import ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.content import Content, Resource
from acp_agent.model.mcp import ChannelServer, HttpServer, McpServer, PromptInfo, ResourceInfo, StdioServer
from acp_agent.tools.mcp.channel import NoReport, channel_streams
from acp_agent.tools.mcp.child import ChildReport, child_streams
from acp_agent.tools.mcp.client import Listed, McpClient
from acp_agent.tools.mcp.content import resource_of
from acp_agent.tools.mcp.elicitation import Elicitation
from acp_agent.tools.mcp.faults import is_closed, reason
from acp_agent.tools.mcp.http import HttpReport, http_streams
from acp_agent.tools.mcp.news import News, follow
from acp_agent.tools.mcp.prompts import MAX_PROMPTS, prompt_content, prompt_info
from acp_agent.tools.mcp.resources import MAX_RESOURCES, is_among, resource_info, template_info
from acp_agent.tools.mcp.roots import list_roots
from acp_agent.tools.mcp.text import one_line, without_secrets
from acp_agent.tools.mcp.tool import McpTool

if TYPE_CHECKING:
    from mcp.client import ClientSession, Transport
    from mcp.shared.dispatcher import ProgressFnT
    from mcp.types import CallToolResult

logger = logging.getLogger(__name__)

AnswerT = TypeVar("AnswerT")
ItemT = TypeVar("ItemT")

CONNECT_TIMEOUT = 30.0
"""Seconds a server gets to start, say hello and list its tools."""

PROBE_TIMEOUT = 5.0
"""Seconds a server gets to show that it is there after it broke off an answer."""

MAX_TOOLS = 128
"""Tools taken from one server; more would crowd out everything else the model reads."""

_MAX_FAILURE = 800


class McpSource:
    """Connects a session to one MCP server and offers what it has.

    The server is gone, a child killed if need be, two seconds after `run` is cancelled at the latest.
    """

    def __init__(
        self, server: McpServer, context: ports.ServerContext, *, connect_timeout: float = CONNECT_TIMEOUT
    ) -> None:
        self._server = server
        self._context = context
        self._connect_timeout = connect_timeout
        self._failure: str | None = None
        self._settled = anyio.Event()
        self._elicitation = Elicitation(server.name, context.ask, context.visited)
        self._news = News(self._elicitation.complete)
        # Set exactly while the server can be asked; nothing is offered otherwise.
        self._client: McpClient | None = None
        self._tools: tuple[McpTool, ...] = ()
        self._known: dict[str, McpTool] = {}  # every tool ever listed, as it was then
        self._prompts: tuple[PromptInfo, ...] = ()

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

    def prompts(self) -> Sequence[PromptInfo]:
        """The prompts kept ready now; they are known a little later than the tools."""
        return self._prompts

    @property
    def has_resources(self) -> bool:
        """Whether the server is there and has any."""
        return self._client is not None and self._client.capabilities.resources is not None

    async def wait_settled(self) -> None:
        """Return once the tools are known, or the server has failed, or `run` has ended."""
        await self._settled.wait()

    async def expand(self, name: str, arguments: Mapping[str, str]) -> tuple[Content, ...]:
        """A prompt with its blanks filled in, never empty.

        Raises:
            ToolError: there is no such prompt, an argument is missing, or the server is gone.
        """

        async def ask(client: McpClient) -> tuple[Content, ...]:
            return prompt_content(await client.prompt(name, arguments))

        return await self._ask(ask)

    async def resources(self) -> Sequence[ResourceInfo]:
        """What can be read, templates last.

        Raises:
            ToolError: it cannot be listed; the message is for the model.
        """

        async def ask(client: McpClient) -> list[ResourceInfo]:
            if client.capabilities.resources is None:
                return []
            found, patterns = await client.resources(MAX_RESOURCES), await client.templates(MAX_RESOURCES)
            self._warn_of_cut(found, "resources")
            return [*map(resource_info, found.items), *map(template_info, patterns.items)]

        return await self._ask(ask)

    async def owns(self, uri: str) -> bool:
        """Whether `uri` names one of the resources, or one that fits a template. Failures are a no."""
        try:
            return self.has_resources and is_among(uri, await self.resources())
        except ToolError as exc:
            logger.warning("%s", exc)
            return False

    async def read_resource(self, uri: str) -> tuple[Resource, ...]:
        """What is behind `uri`; a resource may have several parts, with URIs of their own.

        Raises:
            ToolError: it cannot be read; the message is for the model.
        """

        async def ask(client: McpClient) -> tuple[Resource, ...]:
            return tuple(map(resource_of, (await client.read(uri)).contents))

        return await self._ask(ask)

    def roots_changed(self) -> None:
        """Tell the server soon."""
        self._news.note("roots")

    async def run(self) -> None:
        """Connect and stay until cancelled, or until the server is gone, which `failure` then tells.

        Call it once.
        """
        try:
            text = without_secrets(f"{self._subject()} {await self._attempt()}", self._server)
            self._failure = one_line(text, _MAX_FAILURE)
            logger.warning("%s", self._failure)
        finally:
            self._withdraw()
            self._settled.set()
            self._context.changed()

    async def _attempt(self) -> str:
        """Connect and stay; the reason why that ended."""
        report, transport = self._transport()
        why = f"did not offer its tools within {self._connect_timeout:g} s"
        with anyio.CancelScope(deadline=anyio.current_time() + self._connect_timeout) as connecting:
            try:
                await anyio.to_thread.run_sync(_load_sdk, self._server, abandon_on_cancel=True)
                await self._stay(transport, connecting)
                why = "closed the connection"
            except Exception as exc:  # the boundary to the SDK and its transports
                why = reason(exc)
        return why + report.summary()

    def _transport(self) -> tuple[ChildReport | HttpReport | NoReport, Transport]:
        match self._server:
            case StdioServer():
                child = ChildReport(self._server)
                return child, child_streams(self._server, self._context.cwd, child)
            case HttpServer():
                answers = HttpReport(self._server)
                return answers, http_streams(self._server, answers)
            case ChannelServer():
                return NoReport(), channel_streams(self._server, self._context.channel)

    async def _stay(self, transport: Transport, connecting: anyio.CancelScope) -> None:
        """Offer what there is until the messages end. Once the tools are known, nothing is `connecting`."""
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
                        self._news.end()

            tasks.start_soon(hand_on)
            async with ClientSession(
                receive,
                write,
                message_handler=self._news.take,
                elicitation_callback=self._elicitation.answer,
                list_roots_callback=list_roots(self._context.roots),
                client_info=Implementation(name="acp-agent", version=__version__),
            ) as session:
                client = McpClient(session)
                await client.greet("discover" if isinstance(self._server, ChannelServer) else "initialize")
                await self._list_tools(client)
                connecting.deadline = math.inf
                self._client = client
                self._settled.set()
                if client.is_stateless:
                    tasks.start_soon(follow, session)
                try:
                    await self._keep_current(client, session)
                finally:
                    self._withdraw()
            tasks.cancel_scope.cancel()

    async def _keep_current(self, client: McpClient, session: ClientSession) -> None:
        from mcp.types import RootsListChangedNotification  # lazy: loaded by `_attempt` in a thread

        self._news.note("prompts")
        while not self._news.ended:
            news = await self._news.wait()
            if self._news.ended:
                return
            if "roots" in news and not client.is_stateless:
                await session.send_notification(RootsListChangedNotification())
            with anyio.fail_after(self._connect_timeout):
                if "tools" in news:
                    await self._list_tools(client)
                if "prompts" in news:
                    await self._list_prompts(client)
            if news & {"tools", "prompts"}:
                self._context.changed()

    async def _list_tools(self, client: McpClient) -> None:
        if client.capabilities.tools is None:
            return
        listed = await client.tools(MAX_TOOLS)
        self._warn_of_cut(listed, "tools")
        found: dict[str, McpTool] = {}
        for one in listed.items:
            tool = McpTool(self.name, one, self._call, self._known.get(one.name))
            self._known.setdefault(one.name, tool)
            found.setdefault(one.name, tool)
        self._tools = tuple(found.values())

    async def _list_prompts(self, client: McpClient) -> None:
        from mcp import MCPError  # lazy: loaded by `_attempt` in a thread

        if client.capabilities.prompts is None:
            return
        try:
            listed = await client.prompts(MAX_PROMPTS)
        except MCPError as exc:  # no reason to do without the tools
            problem = f"{self._subject()} does not list its prompts: it {reason(exc)}"
            logger.warning("%s", one_line(without_secrets(problem, self._server), _MAX_FAILURE))
            return
        self._warn_of_cut(listed, "prompts")
        self._prompts = tuple(map(prompt_info, listed.items))

    async def _call(
        self,
        tool: str,
        arguments: JsonObject,
        context: ports.ToolContext,
        *,
        progress: ProgressFnT,
        repeatable: bool,
    ) -> CallToolResult:
        from mcp import MCPError  # lazy: loaded by `_attempt` in a thread
        from mcp.types import URL_ELICITATION_REQUIRED

        doubt = "" if repeatable else "; whether the call was carried out is not known"

        async def call(client: McpClient) -> CallToolResult:
            try:
                return await client.call(tool, arguments, meta=context.trace, progress=progress)
            except MCPError as exc:
                if exc.code != URL_ELICITATION_REQUIRED:
                    raise
                raise ToolError(await self._elicitation.require(exc)) from exc

        with self._elicitation.during(context.ask):
            return await self._ask(call, doubt)

    async def _ask(self, question: Callable[[McpClient], Awaitable[AnswerT]], doubt: str = "") -> AnswerT:
        """The answer. `doubt` is added to the error if the server was lost on the way."""
        client = self._client
        if client is None or self._news.ended:
            raise ToolError(f"{self._subject()} is gone, and its tools with it; use others")
        try:
            return await question(client)
        except Exception as exc:  # the boundary to the SDK and its transports
            if is_closed(exc) and not self._news.ended:
                await self._probe(client)
            if self._news.ended or self._client is not client:
                problem = f"{self._subject()} ended during the call; its tools are gone, use others{doubt}"
            else:
                problem = f"{self._subject()} {reason(exc)}{doubt if is_closed(exc) else ''}"
            raise ToolError(one_line(without_secrets(problem, self._server), _MAX_FAILURE)) from exc

    async def _probe(self, client: McpClient) -> None:
        """After an answer over HTTP broke off, find out whether the server is still there.

        If it is not, the connection notices by this message, and `run` ends.
        """
        if isinstance(self._server, HttpServer):
            with anyio.move_on_after(PROBE_TIMEOUT):
                await client.probe()

    def _warn_of_cut(self, listed: Listed[ItemT], what: str) -> None:
        if listed.cut:
            logger.warning(
                "%s offers too many %s; the first %d are used", self._subject(), what, len(listed.items)
            )

    def _withdraw(self) -> None:
        self._client = None
        self._tools = ()
        self._prompts = ()

    def _subject(self) -> str:
        return f"MCP server `{one_line(self.name, 80)}`"


def _load_sdk(server: McpServer) -> None:
    """Import what connecting needs: about half a second, which the event loop does not have."""
    match server:
        case StdioServer():
            transports = ("mcp.client.stdio",)
        case HttpServer():
            transports = ("mcp.client.streamable_http", "mcp.client.sse")
        case ChannelServer():
            transports = ()
    for module in ("mcp.client", "httpx2", *transports):
        importlib.import_module(module)  # lazy: 0.4 to 0.8 s that only sessions with servers pay


if TYPE_CHECKING:
    _: type[ports.ToolSource] = McpSource
