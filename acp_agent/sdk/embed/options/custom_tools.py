"""Tools that a program gives its sessions: functions with a name, a description and a schema."""

from __future__ import annotations

import functools
import inspect
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, cast, overload

import msgspec
from anyio import to_thread

from acp_agent.base.errors import FOREIGN_FAILURES, ToolError
from acp_agent.base.jsontext import JsonObject, dump_text
from acp_agent.model.content import Text
from acp_agent.model.permission import Access
from acp_agent.model.toolcall import ToolOutcome, ToolSpec
from acp_agent.ports import Preview
from acp_agent.ports import ToolContext as EngineContext
from acp_agent.sdk.embed.errors import AttachmentInvalid, ConfigInvalid
from acp_agent.sdk.embed.options.attachments import Attachment, pictures
from acp_agent.sdk.embed.options.tool_arguments import CONTEXT, arguments_of
from acp_agent.tools.arguments import input_schema, parse_args

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


NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What model services take for the name of a tool."""

P = ParamSpec("P")
R = TypeVar("R")


class CustomTool(Protocol):
    """A tool of the program, such as `tool` makes of a function.

    `execute` is given the arguments and a `ToolContext`; what it returns is a `ToolOutput`, a text, or
    something that is told to the model as JSON. A plain function is called in a thread of its own. A tool
    that is `read_only` changes nothing and needs no permission.
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
    def parameters(self) -> Mapping[str, object]:
        """A JSON Schema of type object."""
        ...

    def execute(self, args: JsonObject, ctx: ToolContext) -> object:
        """Do it; may be a coroutine function."""
        ...


class FunctionTool(Generic[P, R]):
    """A function as a tool; it can be called as before."""

    def __init__(
        self,
        function: Callable[P, R],
        name: str,
        description: str,
        parameters: JsonObject | None,
        *,
        read_only: bool,
    ) -> None:
        functools.update_wrapper(self, function)
        self._arguments = None if parameters is not None else arguments_of(function)
        self.name = name
        self.description = description
        self.parameters = input_schema(self._arguments) if self._arguments else dict(parameters or {})
        self.read_only = read_only
        self._function = function
        self._takes_context = CONTEXT in inspect.signature(function).parameters
        self.is_async = inspect.iscoroutinefunction(function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """What the function returns."""
        return self._function(*args, **kwargs)

    def execute(self, args: JsonObject, ctx: ToolContext) -> object:
        """Call the function with the arguments by name, and with `ctx` if it has such a parameter.

        Raises:
            ToolError: they are not of the types of its parameters.
        """
        given: dict[str, Any] = dict(args)
        if self._arguments is not None:
            parsed = parse_args(self._arguments, args)
            given = {name: getattr(parsed, name) for name in self._arguments.__struct_fields__}
        if self._takes_context:
            given[CONTEXT] = ctx
        return cast("Callable[..., object]", self._function)(**given)


@overload
def tool(
    function: Callable[P, R],
    *,
    name: str | None = None,
    description: str | None = None,
    parameters: JsonObject | None = None,
    read_only: bool = False,
) -> FunctionTool[P, R]: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    parameters: JsonObject | None = None,
    read_only: bool = False,
) -> Callable[[Callable[P, R]], FunctionTool[P, R]]: ...
def tool(
    function: Callable[..., object] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    parameters: JsonObject | None = None,
    read_only: bool = False,
) -> object:
    """Make a tool of a function; also a decorator.

    Name and description are the function's unless they are given. The schema is made of the types of its
    parameters; what the model sends is checked by them and handed over as such: a dataclass as one, say. With
    `parameters`, a JSON Schema of type object, the function is given what the model sent.

    What it returns is a `ToolOutput`, a text, or something that is told to the model as JSON.

    Raises:
        ConfigInvalid: the function has no description, or parameters of which no schema can be made.
    """

    def make(function: Callable[P, R]) -> FunctionTool[P, R]:
        about = description or inspect.getdoc(function) or ""
        if not about:
            raise ConfigInvalid(f"the tool `{function.__name__}` needs a description")
        return FunctionTool(function, name or function.__name__, about, parameters, read_only=read_only)

    return make if function is None else make(function)


def check_tools(tools: Iterable[CustomTool]) -> None:
    """Refuse what is no tool, and names that models cannot call.

    Raises:
        ConfigInvalid: there is one; says which.
    """
    names: set[str] = set()
    for one in tools:
        name = getattr(one, "name", None)
        if not isinstance(name, str) or not callable(getattr(one, "execute", None)):
            raise ConfigInvalid(
                f"`tools`: `{one!r}` has no `name` or no method `execute`",
                hint="decorate functions with `@tool`",
            )
        about, parameters = getattr(one, "description", None), getattr(one, "parameters", None)
        if not isinstance(about, str) or not isinstance(parameters, Mapping):
            raise ConfigInvalid(
                f"`tools`: `{name}` needs a `description`, a text, and `parameters`, a JSON Schema"
            )
        if not NAME.fullmatch(name):
            raise ConfigInvalid(
                f"`tools`: `{name}` is no name that models can call",
                hint="use letters, digits, `_` and `-`, 64 of them at most",
            )
        if name in names:
            raise ConfigInvalid(f"`tools`: two of them are called `{name}`")
        names.add(name)


class HostTool:
    """A tool of the program as the engine sees it."""

    def __init__(self, custom: CustomTool) -> None:
        self.spec = ToolSpec(custom.name, custom.description, cast("JsonObject", dict(custom.parameters)))
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
            output = _told(await self._execute(args, told))
        except ToolError:
            raise
        except FOREIGN_FAILURES as exc:
            logger.warning("the tool `%s` failed", self.spec.name, exc_info=True)
            raise ToolError(f"`{self.spec.name}` failed: {exc}") from exc
        try:
            images = pictures(output.images)
        except AttachmentInvalid as exc:
            raise ToolError(f"`{self.spec.name}` returned a picture that cannot be used: {exc}") from exc
        return ToolOutcome((Text(output.content or "(nothing)"), *images), is_error=output.is_error)

    async def _execute(self, args: JsonObject, told: ToolContext) -> object:
        execute = self._custom.execute
        if getattr(self._custom, "is_async", False) or inspect.iscoroutinefunction(execute):
            output = execute(args, told)
        else:
            output = await to_thread.run_sync(execute, args, told, abandon_on_cancel=True)
        return await output if inspect.isawaitable(output) else output


def _told(returned: object) -> ToolOutput:
    """What a tool of the program returned, in the form all of it can have.

    Raises:
        TypeError: it has none.
    """
    if returned is None:
        return ToolOutput("")
    if not isinstance(returned, ToolOutput):
        return ToolOutput(returned if isinstance(returned, str) else dump_text(returned))
    if not isinstance(returned.content, str):  # pyright: ignore[reportUnnecessaryIsInstance] # nobody has looked
        raise TypeError(f"the content of a `ToolOutput` is a text, not `{type(returned.content).__name__}`")
    return returned


if TYPE_CHECKING:
    _: type[ports.Tool] = HostTool
    __: type[CustomTool] = FunctionTool[..., object]
