"""Tools that a program gives its sessions: functions with a name, a description and a schema."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, get_type_hints

import msgspec
from anyio import to_thread

from acp_agent.base.errors import ToolError
from acp_agent.base.jsontext import JsonObject, dump_text
from acp_agent.model.content import Text
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import ToolOutcome, ToolSpec
from acp_agent.ports import Preview
from acp_agent.ports import ToolContext as EngineContext
from acp_agent.sdk.embed.errors import AttachmentInvalid, ConfigInvalid
from acp_agent.sdk.embed.options.attachments import Attachment

if TYPE_CHECKING:
    from acp_agent import ports

logger = logging.getLogger(__name__)


class ToolContext(msgspec.Struct, frozen=True):
    """What a tool of the program may know of the call."""

    workspace: str
    session_id: str
    tool_id: str


class ToolOutput(msgspec.Struct, frozen=True):
    """What a tool of the program returns: text for the model, and pictures if it has any."""

    content: str
    is_error: bool = False
    images: tuple[Attachment, ...] = ()

    @classmethod
    def success(cls, content: str) -> ToolOutput:
        """It worked."""
        return cls(content)

    @classmethod
    def error(cls, content: str) -> ToolOutput:
        """It failed; the text says what to try instead."""
        return cls(content, is_error=True)

    def with_images(self, images: Sequence[Attachment]) -> ToolOutput:
        """The same with these pictures."""
        return msgspec.structs.replace(self, images=tuple(images))


Execute: TypeAlias = Callable[..., ToolOutput | str | Awaitable[ToolOutput | str]]


class CustomTool(Protocol):
    """A tool of the program, such as `tool` makes of a function.

    `execute` is given the arguments and a `ToolContext`. A plain function is called in a thread of its own.
    A tool that is `read_only` changes nothing and needs no permission.
    """

    @property
    def name(self) -> str:
        """What the model calls it."""
        ...

    @property
    def description(self) -> str:
        """What it is good for, for the model."""
        ...

    @property
    def parameters(self) -> JsonObject:
        """A JSON Schema of type object."""
        ...

    def execute(self, args: JsonObject, ctx: ToolContext) -> ToolOutput | str | Awaitable[ToolOutput | str]:
        """Do it."""
        ...


class FunctionTool:
    """A function as a tool."""

    def __init__(
        self, function: Execute, name: str, description: str, parameters: JsonObject, *, read_only: bool
    ) -> None:
        self.name = name
        self.description = description
        self.parameters = parameters
        self.read_only = read_only
        self._function = function
        self._takes_context = "ctx" in inspect.signature(function).parameters
        self.is_async = inspect.iscoroutinefunction(function)

    def execute(self, args: JsonObject, ctx: ToolContext) -> ToolOutput | str | Awaitable[ToolOutput | str]:
        """Call the function with the arguments by name, and with `ctx` if it has such a parameter."""
        return self._function(**args, ctx=ctx) if self._takes_context else self._function(**args)


def tool(
    function: Execute | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    parameters: JsonObject | None = None,
    read_only: bool = False,
) -> Any:
    """Make a tool of a function; also a decorator.

    Name and description are the function's unless they are given. The schema is made of the parameters'
    types, which are then checked.

    Raises:
        ConfigInvalid: the function has no description, or parameters without a usable type.
    """

    def make(function: Execute) -> FunctionTool:
        about = description or inspect.getdoc(function) or ""
        if not about:
            raise ConfigInvalid(f"the tool `{function.__name__}` needs a description")
        schema = parameters if parameters is not None else _schema(function)
        return FunctionTool(function, name or function.__name__, about, schema, read_only=read_only)

    return make if function is None else make(function)


class HostTool:
    """A tool of the program as the engine sees it."""

    def __init__(self, custom: CustomTool) -> None:
        self.spec = ToolSpec(custom.name, custom.description, dict(custom.parameters))
        self._custom = custom
        self._read_only = getattr(custom, "read_only", False) is True

    async def preview(self, args: JsonObject, context: EngineContext) -> Preview:
        """Say that it would be called."""
        missing = [name for name in self._required() if name not in args]
        if missing:
            raise ToolError(f"`{self.spec.name}` needs the arguments: {', '.join(missing)}")
        access = Access("none" if self._read_only else "other", f"tool:{self.spec.name}")
        return Preview(f"{self.spec.name} {dump_text(args)[:80]}", self.spec.kind, access)

    def _required(self) -> list[str]:
        required = self.spec.input_schema.get("required")
        return [str(name) for name in required] if isinstance(required, list) else []

    async def run(self, args: JsonObject, context: EngineContext) -> ToolOutcome:
        """Call it."""
        told = ToolContext(str(context.workspace.roots[0]), context.session_id, context.call_id)
        try:
            output = await self._execute(args, told)
        except Exception as exc:
            logger.warning("the tool `%s` failed", self.spec.name, exc_info=True)
            raise ToolError(f"`{self.spec.name}` failed: {exc}") from exc
        if isinstance(output, str):
            output = ToolOutput(output)
        try:
            images = tuple(image.content() for image in output.images)
        except AttachmentInvalid as exc:
            raise ToolError(f"`{self.spec.name}` returned a picture that cannot be used: {exc}") from exc
        return ToolOutcome((Text(output.content or "(nothing)"), *images), is_error=output.is_error)

    async def _execute(self, args: JsonObject, told: ToolContext) -> ToolOutput | str:
        execute = self._custom.execute
        if getattr(self._custom, "is_async", False) or inspect.iscoroutinefunction(execute):
            output = execute(args, told)
        else:
            output = await to_thread.run_sync(execute, args, told, abandon_on_cancel=True)
        return await output if inspect.isawaitable(output) else output


def _schema(function: Execute) -> JsonObject:
    try:
        hints = get_type_hints(function)
    except NameError as exc:
        raise ConfigInvalid(f"the tool `{function.__name__}`: {exc}") from exc
    fields: list[Any] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "ctx":
            continue
        field = (parameter.name, hints.get(parameter.name, str))
        default: Any = parameter.default
        fields.append(field if default is inspect.Parameter.empty else (*field, default))
    try:
        arguments = msgspec.defstruct("Arguments", fields, kw_only=True)
        schema = msgspec.json.schema(arguments)
    except TypeError as exc:
        raise ConfigInvalid(f"the tool `{function.__name__}`: {exc}") from exc
    found: Mapping[str, Any] = schema["$defs"]["Arguments"]
    rest = {name: about for name, about in schema["$defs"].items() if name != "Arguments"}
    shown = {key: value for key, value in found.items() if key != "title"}
    return {**shown, "$defs": rest} if rest else shown


if TYPE_CHECKING:
    _: type[ports.Tool] = HostTool
    __: type[CustomTool] = FunctionTool
