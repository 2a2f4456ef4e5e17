"""Version 1 parameters as clients send them, checked by pydantic and turned into the engine's values.

Lenient where the schema is: unknown members are ignored, optional members of a wrong type count as absent.
Strict where a mistake would be costly: ids, paths, content.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, assert_never

import pydantic
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticUseDefault

from acp_agent.base import base64text
from acp_agent.base.jsontext import JsonValue
from acp_agent.engine import downscale, images
from acp_agent.model import content, mcp
from acp_agent.model.session import ModelInfo
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


def _optional_size(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _optional_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


AbsolutePath = Annotated[str, AfterValidator(_absolute)]
OptionalText = Annotated[str | None, BeforeValidator(_optional_text)]
OptionalSize = Annotated[int | None, BeforeValidator(_optional_size)]
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
    """`ContentBlock` of type audio."""

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
    size: OptionalSize = None


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


def to_content(
    blocks: list[Block],
    model: ModelInfo | None = None,
    *,
    can_downscale: Callable[[], bool] = downscale.is_available,
) -> tuple[content.Content, ...]:
    """A prompt in the engine's words.

    `model` is the one that will be asked; None is one of which nothing is known. Images are left to the
    engine, which tells a model without eyes what is missing.

    Raises:
        RpcError: a block that no model, or not this one, could be given.
    """
    return tuple(
        _to_content(block, f"prompt[{index}]", model, can_downscale) for index, block in enumerate(blocks)
    )


def _to_content(
    block: Block, path: str, model: ModelInfo | None, can_downscale: Callable[[], bool]
) -> content.Content:
    match block:
        case TextBlock():
            return content.Text(block.text)
        case ImageBlock():
            _check_image(block, path, can_downscale)
            return content.Image(block.data, block.mime_type, block.uri)
        case AudioBlock():
            _check_audio(block, path, model)
            return content.Audio(block.data, block.mime_type)
        case ResourceLinkBlock():
            return content.ResourceLink(
                block.uri, block.name, block.mime_type, block.title, block.description, block.size
            )
        case ResourceBlock(resource=inner):
            if (inner.text is None) == (inner.blob is None):
                raise invalid_params(f"{path}.resource", "needs either `text` or `blob`")
            if inner.blob is not None:
                _decoded(inner.blob, f"{path}.resource.blob")
            return content.Resource(inner.uri, inner.text, inner.blob, inner.mime_type)
        case _:
            assert_never(block)


def _check_image(block: ImageBlock, path: str, can_downscale: Callable[[], bool]) -> None:
    """Refuse what could never be shown; that the bytes are what they claim is the engine's to judge."""
    data = _decoded(block.data, f"{path}.data")
    header = images.read_header(data)
    if header is None:
        if block.mime_type not in images.MEDIA_TYPES:
            raise invalid_params(f"{path}.mimeType", f"send one of {', '.join(images.MEDIA_TYPES)}")
        return
    why = images.why_too_large(header, len(data))
    if why and not can_downscale():
        raise invalid_params(f"{path}.data", f"{why}; send a smaller one, or install `acp-agent[images]`")


def _check_audio(block: AudioBlock, path: str, model: ModelInfo | None) -> None:
    if model is None or not model.takes_audio:
        name = "the model" if model is None else f"the model `{model.id}`"
        raise invalid_params(path, f"{name} takes no audio; send text, or choose a model that does")
    if block.mime_type not in content.AUDIO_FORMATS:
        raise invalid_params(f"{path}.mimeType", f"send one of {', '.join(content.AUDIO_FORMATS)}")
    _decoded(block.data, f"{path}.data")


def _decoded(text: str, path: str) -> bytes:
    try:
        return base64text.decode(text)
    except base64text.InvalidBase64 as exc:
        raise invalid_params(path, str(exc)) from None


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
