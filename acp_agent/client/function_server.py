"""An MCP server made of plain functions.

    server = McpServer("clock")

    @server.tool
    def now(zone: str) -> str:
        "The time in a zone."
        return datetime.now(ZoneInfo(zone)).isoformat()

    async with agent.build_session(cwd).with_mcp_server(server) as session: ...

Names, types, defaults and the docstring of a function become what the model is told of the tool.
"""

from __future__ import annotations

import functools
import inspect
import logging
import re
from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TYPE_CHECKING, TypeVar, cast, overload

from acp_agent.base.errors import FOREIGN_FAILURES
from acp_agent.base.jsontext import JsonObject
from acp_agent.client.connection import Connection
from acp_agent.client.mcp_server import InProcessServer

if TYPE_CHECKING:
    from acp_agent.client.session_builder import AttachedServer

logger = logging.getLogger(__name__)

ToolFunction = Callable[..., object]
FunctionT = TypeVar("FunctionT", bound=ToolFunction)

_TOOL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


class _Tool:
    def __init__(self, function: ToolFunction, description: str | None) -> None:
        self.function = function
        self.description = description
        self.enabled = True


class McpServer:
    """Tools for an agent; give it to `with_mcp_server` or `Client(mcp_servers=[…])`.

    What is enabled when a session is started is what that session gets.

    Args:
        name: what the agent calls the server.
        instructions: what a model should know about all of its tools.
    """

    def __init__(self, name: str, *, instructions: str | None = None) -> None:
        if not name:
            raise ValueError("an MCP server needs a name")
        self.name = name
        self._instructions = instructions
        self._tools: dict[str, _Tool] = {}

    @property
    def enabled_tools(self) -> list[str]:
        """Names of the tools that sessions get, in the order they were made."""
        return [name for name, tool in self._tools.items() if tool.enabled]

    @overload
    def tool(self, function: FunctionT, /) -> FunctionT: ...
    @overload
    def tool(
        self, /, *, name: str | None = None, description: str | None = None
    ) -> Callable[[FunctionT], FunctionT]: ...
    def tool(
        self,
        function: ToolFunction | None = None,
        /,
        *,
        name: str | None = None,
        description: str | None = None,
    ) -> object:
        """Make a tool of a function, as `@server.tool` or `@server.tool(name=…, description=…)`.

        A plain function runs in a worker thread, an async one on the connection's event loop. An async one
        may have a parameter of the type `Connection`: it gets the agent's, and the model is not told of it.
        What a function raises is told to the model by its name and text.

        Raises:
            ValueError: the name is taken or is none, a type cannot be found, or a plain function wants a
                connection.
        """

        def register(function: FunctionT) -> FunctionT:
            chosen = name or getattr(function, "__name__", "")
            if not _TOOL_NAME.fullmatch(chosen):
                raise ValueError(f"`{chosen}` cannot name a tool; give a name with `name=`")
            if chosen in self._tools:
                raise ValueError(f"the server `{self.name}` has a tool `{chosen}` already")
            if _connection_parameter(function) and not inspect.iscoroutinefunction(function):
                raise ValueError(f"the tool `{chosen}` wants the connection; make it an `async def`")
            self._tools[chosen] = _Tool(function, description)
            return function

        return register if function is None else register(function)

    def enable_tool(self, name: str) -> None:
        """Give it to sessions again.

        Raises:
            ValueError: there is no such tool.
        """
        self._tool(name).enabled = True

    def disable_tool(self, name: str) -> None:
        """Keep it from sessions.

        Raises:
            ValueError: there is no such tool.
        """
        self._tool(name).enabled = False

    def enable_all_tools(self) -> None:
        """Give all to sessions."""
        for tool in self._tools.values():
            tool.enabled = True

    def disable_all_tools(self) -> None:
        """Keep all from sessions; those enabled afterwards are what is left."""
        for tool in self._tools.values():
            tool.enabled = False

    def attach(self, connection: Connection) -> AbstractAsyncContextManager[JsonObject]:
        """Serve the enabled tools while the context lasts; yields the entry in `mcpServers`."""
        from mcp.server import MCPServer  # lazy: heavy, only for who has tools

        with _logging_left_alone():
            server = MCPServer(self.name, instructions=self._instructions)
        for name in self.enabled_tools:
            tool = self._tools[name]
            described = tool.description or inspect.getdoc(tool.function)
            function = _telling_failures(name, _with_connection(tool.function, connection))
            server.add_tool(function, name, description=described)
        return InProcessServer(server).attach(connection)

    def _tool(self, name: str) -> _Tool:
        tool = self._tools.get(name)
        if tool is None:
            known = ", ".join(f"`{one}`" for one in self._tools) or "none"
            raise ValueError(f"the server `{self.name}` has no tool `{name}`; it has {known}")
        return tool


def _telling_failures(name: str, function: ToolFunction) -> ToolFunction:
    """The function, but what it raises is an error of its tool, with its text."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def waiting(*args: object, **kwargs: object) -> object:
            with _failures_told(name):
                return await function(*args, **kwargs)

        return waiting

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        with _failures_told(name):
            return function(*args, **kwargs)

    return call


@contextmanager
def _failures_told(name: str) -> Generator[None, None, None]:
    from mcp.server.mcpserver.exceptions import ToolError  # lazy: heavy, only for who has tools

    try:
        yield
    except ToolError:
        raise
    except FOREIGN_FAILURES as exc:
        logger.warning("the tool `%s` failed for an agent", name, exc_info=True)
        raise ToolError(f"{type(exc).__name__}: {exc}") from exc


@contextmanager
def _logging_left_alone() -> Generator[None, None, None]:
    """The `mcp` package sets up the logging of the whole program unless it looks as if somebody had."""
    root, placeholder = logging.getLogger(), logging.NullHandler()
    root.addHandler(placeholder)
    try:
        yield
    finally:
        root.removeHandler(placeholder)


def _signature(function: ToolFunction) -> inspect.Signature:
    try:
        return inspect.signature(function, eval_str=True)
    except NameError as exc:
        raise ValueError(
            f"the types of `{function.__name__}` cannot be read: {exc}; import them at run time"
        ) from None


def _connection_parameter(function: ToolFunction) -> str:
    """The name of the parameter that takes the connection; empty without one."""
    for parameter in _signature(function).parameters.values():
        if parameter.annotation is Connection:
            return parameter.name
    return ""


def _with_connection(function: ToolFunction, connection: Connection) -> ToolFunction:
    """The function without the parameter that takes the connection."""
    taken = _connection_parameter(function)
    if not taken:
        return function
    bound = functools.partial(function, **{taken: connection})

    @functools.wraps(function)
    async def call(*args: object, **kwargs: object) -> object:
        return await cast("Callable[..., object]", bound)(*args, **kwargs)  # type: ignore[misc]

    signature = _signature(function)
    rest = [one for one in signature.parameters.values() if one.name != taken]
    call.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
    return call


if TYPE_CHECKING:
    _: type[AttachedServer] = McpServer
