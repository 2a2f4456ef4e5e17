"""The questions asked of an MCP server, over a session of the SDK that somebody else opens and closes.

Both eras of the protocol are spoken: the one with a handshake and the one without. Errors are the SDK's.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, Literal, TypeAlias, TypeVar, cast

import anyio
import msgspec

from acp_agent.base.errors import ToolError
from acp_agent.base.jsontext import JsonObject

if TYPE_CHECKING:
    from mcp.client import ClientSession
    from mcp.shared.dispatcher import ProgressFnT
    from mcp.types import (
        CallToolResult,
        GetPromptResult,
        InputRequiredResult,
        InputResponses,
        PaginatedRequestParams,
        PaginatedResult,
        Prompt,
        ReadResourceResult,
        RequestParamsMeta,
        Resource,
        ResourceTemplate,
        ServerCapabilities,
        Tool,
    )
    from pydantic import TypeAdapter

    PageT = TypeVar("PageT", bound=PaginatedResult)
    Fetch: TypeAlias = Callable[[PaginatedRequestParams | None], Awaitable[PageT]]

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")

MAX_ROUNDS = 10
"""How often a server may ask for more before it answers."""

WAIT_BETWEEN_ROUNDS = 0.2
"""Seconds before it is asked again if it wanted nothing but time."""

MAX_PAGES = 100
"""Parts of one list that are asked for; some servers always have another one."""

Greeting: TypeAlias = Literal["initialize", "discover"]
"""How a conversation begins: with a handshake, or by asking what there is."""


class Listed(msgspec.Struct, Generic[ItemT], frozen=True):
    """What a server lists, up to a limit; `cut` says that there was more."""

    items: tuple[ItemT, ...] = ()
    cut: bool = False


class McpClient:
    """A conversation with one server."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    @property
    def capabilities(self) -> ServerCapabilities:
        """What the server can do, once it was greeted."""
        capabilities = self._session.server_capabilities
        if capabilities is None:
            raise ToolError("was not greeted yet")
        return capabilities

    @property
    def is_stateless(self) -> bool:
        """Whether it speaks the era without handshakes, in which it sends nothing unasked."""
        return self._session.discover_result is not None

    async def greet(self, first: Greeting) -> None:
        """Begin, in the other way too if the server does not know the first."""
        from mcp import MCPError  # lazy: loaded by the source in a thread, as all of the SDK here

        ways = {"initialize": self._session.initialize, "discover": self._session.discover}
        try:
            await ways.pop(first)()
        except MCPError as exc:
            if exc.code not in _other_era_codes():
                raise
            (other,) = ways.values()
            try:
                await other()
            except MCPError:
                raise exc from None

    async def tools(self, limit: int) -> Listed[Tool]:
        """Its tools."""
        return await _pages(
            lambda page: self._session.list_tools(params=page), lambda found: found.tools, limit
        )

    async def prompts(self, limit: int) -> Listed[Prompt]:
        """Its prompts."""
        return await _pages(
            lambda page: self._session.list_prompts(params=page), lambda found: found.prompts, limit
        )

    async def resources(self, limit: int) -> Listed[Resource]:
        """What it can be asked to read."""
        return await _pages(
            lambda page: self._session.list_resources(params=page), lambda found: found.resources, limit
        )

    async def templates(self, limit: int) -> Listed[ResourceTemplate]:
        """Patterns of what it can be asked to read besides; none if it knows no templates."""
        from mcp import MCPError
        from mcp.types import METHOD_NOT_FOUND

        try:
            return await _pages(
                lambda page: self._session.list_resource_templates(params=page),
                lambda found: found.resource_templates,
                limit,
            )
        except MCPError as exc:
            if exc.code != METHOD_NOT_FOUND:
                raise
            return Listed()

    async def call(
        self, tool: str, arguments: JsonObject, *, meta: Mapping[str, str], progress: ProgressFnT
    ) -> CallToolResult:
        """Call a tool and wait for its end; `meta` goes along, `progress` is told what it reports."""
        from mcp.types import CallToolRequest, CallToolRequestParams

        def send(
            responses: InputResponses | None, state: str | None
        ) -> Awaitable[CallToolResult | InputRequiredResult]:
            given = CallToolRequestParams(
                name=tool,
                arguments=arguments,
                input_responses=responses,
                request_state=state,
                _meta=_meta(meta),
            )
            # Not `session.call_tool`: it turns answers that miss their declared output schema into errors,
            # after the work is done.
            return self._session.send_request(
                CallToolRequest(params=given), _call_result(), progress_callback=progress
            )

        return await self._complete(send)

    async def prompt(self, name: str, arguments: Mapping[str, str]) -> GetPromptResult:
        """A prompt with its blanks filled in."""
        return await self._complete(
            lambda responses, state: self._session.get_prompt(
                name,
                dict(arguments),
                input_responses=responses,
                request_state=state,
                allow_input_required=True,
            )
        )

    async def read(self, uri: str) -> ReadResourceResult:
        """What is behind a URI."""
        return await self._complete(
            lambda responses, state: self._session.read_resource(
                uri, input_responses=responses, request_state=state, allow_input_required=True
            )
        )

    async def probe(self) -> None:
        """Find out whether the server is there; if it is not, its session notices."""
        from mcp import MCPError

        with contextlib.suppress(MCPError):
            if self.is_stateless:
                await self._session.list_tools()
            else:
                await self._session.send_ping()

    async def _complete(
        self,
        send: Callable[[InputResponses | None, str | None], Awaitable[AnswerT | InputRequiredResult]],
    ) -> AnswerT:
        """Send a request until it is answered, with what the server asks for in between."""
        from mcp.types import InputRequiredResult

        responses: InputResponses | None = None
        state: str | None = None
        for _ in range(MAX_ROUNDS):
            answer = await send(responses, state)
            if not isinstance(answer, InputRequiredResult):
                return answer
            responses = await self._respond(answer)
            state = answer.request_state
            if responses is None:
                await anyio.sleep(WAIT_BETWEEN_ROUNDS)
        raise ToolError("keeps asking for more instead of answering")

    async def _respond(self, wanted: InputRequiredResult) -> InputResponses | None:
        from mcp.client import ClientRequestContext
        from mcp.types import ErrorData

        responses: InputResponses = {}
        for key, request in (wanted.input_requests or {}).items():
            context = ClientRequestContext(session=self._session, request_id=key)
            response = await self._session.dispatch_input_request(context, request)
            if isinstance(response, ErrorData):
                raise ToolError(f"asked for what it cannot be given (`{request.method}`): {response.message}")
            responses[key] = response
        return responses or None


async def _pages(fetch: Fetch[PageT], items: Callable[[PageT], Sequence[ItemT]], limit: int) -> Listed[ItemT]:
    from mcp.types import PaginatedRequestParams

    found: list[ItemT] = []
    cursor: str | None = None
    more = False
    for _ in range(MAX_PAGES):
        page = await fetch(None if cursor is None else PaginatedRequestParams(cursor=cursor))
        found += items(page)
        more = bool(page.next_cursor) and page.next_cursor != cursor
        cursor = page.next_cursor
        if not more or len(found) >= limit:
            break
    return Listed(tuple(found[:limit]), more or len(found) > limit)


def _meta(entries: Mapping[str, str]) -> RequestParamsMeta | None:
    # A dictionary with one known key and any others.
    return cast("RequestParamsMeta", dict(entries)) if entries else None


@functools.cache
def _call_result() -> TypeAdapter[CallToolResult | InputRequiredResult]:
    from mcp.types import CallToolResult, InputRequiredResult
    from pydantic import TypeAdapter

    return TypeAdapter(CallToolResult | InputRequiredResult)


def _other_era_codes() -> tuple[int, ...]:
    """What servers answer to a greeting they do not know."""
    from mcp.types import INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, UNSUPPORTED_PROTOCOL_VERSION

    return METHOD_NOT_FOUND, UNSUPPORTED_PROTOCOL_VERSION, INVALID_REQUEST, INVALID_PARAMS
