"""The parameters of every method a client may call."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal

from acp_agent.surface.v1.blocks import Block, TextBlock
from acp_agent.surface.v1.servers import McpServerParams
from acp_agent.surface.v1.wire import NOT_EMPTY, AbsolutePath, Meta, NullIsDefault, Wire

Servers = Annotated[list[McpServerParams], NullIsDefault]
Directories = Annotated[list[AbsolutePath], NullIsDefault]


class SystemPromptParams(Wire):
    """What the client wants the model to be told in every turn."""

    mode: Literal["append", "override"]
    content: Annotated[list[TextBlock], NOT_EMPTY]


class NewSessionParams(Wire):
    """`session/new`."""

    cwd: AbsolutePath
    additional_directories: Directories = []
    mcp_servers: Servers = []
    system_prompt: SystemPromptParams | None = None


class OpenSessionParams(NewSessionParams):
    """`session/load` and `session/resume`."""

    session_id: str


class ForkParams(OpenSessionParams):
    """`session/fork`; `meta` may name the message at which the fork begins."""

    meta: Meta = None


class SessionParams(Wire):
    """Methods that name a session and nothing else."""

    session_id: str


class ListParams(Wire):
    """`session/list`."""

    cwd: AbsolutePath | None = None
    cursor: str | None = None
    archived: Literal["exclude", "include", "only"] | None = None


class SetTitleParams(Wire):
    """`session/set_title`."""

    session_id: str
    title: str


class PromptParams(Wire):
    """`session/prompt`."""

    session_id: str
    prompt: list[Block]


class SteeringParams(PromptParams):
    """`_session/steering`; `meta` says what is to happen when no turn is running."""

    meta: Meta = None


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


class ProviderParams(Wire):
    """`providers/disable`."""

    provider_id: str


class SetProviderParams(ProviderParams):
    """`providers/set`."""

    api_type: str
    base_url: str
    headers: Annotated[dict[str, str], NullIsDefault] = {}


BY_METHOD: Final[Mapping[str, type[Wire]]] = MappingProxyType(
    {
        "authenticate": AuthenticateParams,
        "providers/disable": ProviderParams,
        "providers/set": SetProviderParams,
        "session/archive": SessionParams,
        "session/close": SessionParams,
        "session/delete": SessionParams,
        "session/fork": ForkParams,
        "session/list": ListParams,
        "session/load": OpenSessionParams,
        "session/new": NewSessionParams,
        "session/prompt": PromptParams,
        "session/resume": OpenSessionParams,
        "session/set_config_option": SetOptionParams,
        "session/set_mode": SetModeParams,
        "session/set_title": SetTitleParams,
        "session/status": SessionParams,
        "session/unarchive": SessionParams,
        "_session/steering": SteeringParams,
    }
)
"""What is read of each method's parameters; exported to `schema/`."""
