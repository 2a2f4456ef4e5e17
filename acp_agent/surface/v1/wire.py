"""Version 1 parameters as clients send them, checked by pydantic and turned into the engine's values.

Lenient where the schema is: unknown members are ignored, optional members of a wrong type count as absent.
Strict where a mistake would be costly: ids, paths, content.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import pydantic
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticUseDefault

from acp_agent.base.jsontext import JsonValue
from acp_agent.model import content, mcp
from acp_agent.rpc.errors import invalid_params
from acp_agent.rpc.peer import object_params

MAX_PATH = 4096
BLOCK_TYPES = ("text", "image", "audio", "resource_link", "resource")

ParamsT = TypeVar("ParamsT", bound=BaseModel)


class Wire(BaseModel):
    """Base of everything received: camelCase outside, snake_case inside, built on first use."""

    model_config = ConfigDict(
        alias_generator=to_camel, defer_build=True, extra="ignore", frozen=True, strict=True
    )


def _absolute(path: str) -> str:
    if "\0" in path:
        raise ValueError("must not contain a NUL character")
    if len(path) > MAX_PATH:
        raise ValueError(f"must not be longer than {MAX_PATH} characters")
    if not Path(path).is_absolute():
        raise ValueError("must be an absolute path")
    return path


def _default_for_null(value: Any) -> Any:
    if value is None:
        raise PydanticUseDefault
    return value


def _optional_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


AbsolutePath = Annotated[str, AfterValidator(_absolute)]
OptionalText = Annotated[str | None, BeforeValidator(_optional_text)]
NullIsDefault = BeforeValidator(_default_for_null)


class TextBlock(Wire):
    """`ContentBlock` of type text."""

    type: Literal["text"]
    text: str


class ImageBlock(Wire):
    """`ContentBlock` of type image."""

    type: Literal["image"]
    data: str
    mime_type: str
    uri: OptionalText = None


class AudioBlock(Wire):
    """`ContentBlock` of type audio; refused, since it is not advertised."""

    type: Literal["audio"]
    data: str
    mime_type: str


class ResourceLinkBlock(Wire):
    """`ContentBlock` of type resource_link."""

    type: Literal["resource_link"]
    uri: str
    name: str
    mime_type: OptionalText = None
    title: OptionalText = None
    description: OptionalText = None


class ResourceContents(Wire):
    """The text or blob inside an embedded resource."""

    uri: str
    text: OptionalText = None
    blob: OptionalText = None
    mime_type: OptionalText = None


class ResourceBlock(Wire):
    """`ContentBlock` of type resource."""

    type: Literal["resource"]
    resource: ResourceContents


Block = Annotated[
    TextBlock | ImageBlock | AudioBlock | ResourceLinkBlock | ResourceBlock, Field(discriminator="type")
]


class Pair(Wire):
    """An environment variable or an HTTP header."""

    name: str
    value: str


class McpServerParams(Wire):
    """`McpServer`: stdio when it has no type."""

    name: str
    type: Literal["stdio", "http", "sse"] = "stdio"
    command: str = ""
    args: list[str] = []
    env: Annotated[list[Pair], NullIsDefault] = []
    url: str = ""
    headers: Annotated[list[Pair], NullIsDefault] = []


Servers = Annotated[list[McpServerParams], NullIsDefault]
Directories = Annotated[list[AbsolutePath], NullIsDefault]


class NewSessionParams(Wire):
    """`session/new`."""

    cwd: AbsolutePath
    additional_directories: Directories = []
    mcp_servers: Servers = []


class OpenSessionParams(NewSessionParams):
    """`session/load` and `session/resume`."""

    session_id: str


class SessionParams(Wire):
    """Methods that name a session and nothing else."""

    session_id: str


class ListParams(Wire):
    """`session/list`."""

    cwd: AbsolutePath | None = None
    cursor: str | None = None


class PromptParams(Wire):
    """`session/prompt`."""

    session_id: str
    prompt: list[Block]


class SetModeParams(Wire):
    """`session/set_mode`."""

    session_id: str
    mode_id: str


class SetOptionParams(Wire):
    """`session/set_config_option`."""

    session_id: str
    config_id: str
    value: str | bool


class AuthenticateParams(Wire):
    """`authenticate`."""

    method_id: str


def read(model: type[ParamsT], params: JsonValue) -> ParamsT:
    """The params as this model.

    Raises:
        RpcError: invalid params, naming the first wrong field by its path.
    """
    try:
        return model.model_validate(object_params(params))
    except pydantic.ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        raise invalid_params(_path(first["loc"]), first["msg"].removeprefix("Value error, ")) from None


def _path(location: tuple[int | str, ...]) -> str:
    text = ""
    after_index = False
    for step in location:
        if isinstance(step, int):
            text += f"[{step}]"
        elif not (after_index and step in BLOCK_TYPES):  # that step is pydantic's name for the union's arm
            text += f".{step}" if text else step
        after_index = isinstance(step, int)
    return text


def to_content(blocks: list[Block]) -> tuple[content.Content, ...]:
    """A prompt in the engine's words.

    Raises:
        RpcError: a block of a kind that was not advertised.
    """
    return tuple(_to_content(block, f"prompt[{index}]") for index, block in enumerate(blocks))


def _to_content(block: Block, path: str) -> content.Content:
    match block:
        case TextBlock():
            return content.Text(block.text)
        case ImageBlock():
            return content.Image(block.data, block.mime_type, block.uri)
        case AudioBlock():
            raise invalid_params(path, "audio is not supported; `promptCapabilities.audio` is false")
        case ResourceLinkBlock():
            return content.ResourceLink(
                block.uri, block.name, block.mime_type, block.title, block.description
            )
        case ResourceBlock(resource=inner):
            if (inner.text is None) == (inner.blob is None):
                raise invalid_params(f"{path}.resource", "needs either `text` or `blob`")
            return content.Resource(inner.uri, inner.text, inner.blob, inner.mime_type)


def to_servers(servers: list[McpServerParams]) -> tuple[mcp.McpServer, ...]:
    """MCP servers in the engine's words.

    Raises:
        RpcError: a server that lacks what its type needs.
    """
    return tuple(_to_server(server, f"mcpServers[{index}]") for index, server in enumerate(servers))


def _to_server(server: McpServerParams, path: str) -> mcp.McpServer:
    if server.type == "stdio":
        if not server.command:
            raise invalid_params(f"{path}.command", "is required for a stdio server")
        env = tuple((pair.name, pair.value) for pair in server.env)
        return mcp.StdioServer(server.name, server.command, tuple(server.args), env)
    if not server.url:
        raise invalid_params(f"{path}.url", f"is required for a server of type `{server.type}`")
    headers = tuple((pair.name, pair.value) for pair in server.headers)
    return mcp.HttpServer(server.name, server.url, headers, server.type)
