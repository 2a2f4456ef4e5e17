"""The parameters of every method a client may call."""

from __future__ import annotations

from typing import Annotated

from acp_agent.surface.v1.blocks import Block
from acp_agent.surface.v1.servers import McpServerParams
from acp_agent.surface.v1.wire import AbsolutePath, NullIsDefault, Wire

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
