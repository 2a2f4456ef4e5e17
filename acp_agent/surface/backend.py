"""What a surface needs of the agent it serves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from acp_agent.base.errors import AcpAgentError
from acp_agent.engine.agent_core import AgentCore, Defaults
from acp_agent.ports import Workspace


class Account(msgspec.Struct, frozen=True):
    """A key or other credential the agent has; `active` if new sessions use it."""

    label: str
    active: bool


class AuthStatus(msgspec.Struct, frozen=True):
    """Whether new sessions could ask their model, and the credentials there are; never the credentials."""

    state: Literal["authenticated", "unauthenticated", "not_required", "unknown"]
    accounts: tuple[Account, ...] = ()


class ProviderRoute(msgspec.Struct, frozen=True):
    """Where requests to a provider go; `base_url` is None while it is not used.

    Attributes:
        protocol: how it is spoken to.
        required: the settings name a model of it, so it cannot be switched off.
    """

    name: str
    protocol: str
    base_url: str | None
    required: bool


class EndpointRefused(AcpAgentError):
    """A client's endpoint for a provider cannot be used; `field` says why. No header's value is repeated."""

    def __init__(self, field: Literal["baseUrl", "headers", "providerId"], message: str) -> None:
        super().__init__(message)
        self.field = field


class Backend(Protocol):
    """The agent a surface serves."""

    @property
    def core(self) -> AgentCore:
        """Its sessions."""
        ...

    def defaults(self, cwd: Path) -> Defaults:
        """What the settings say about sessions in this directory."""
        ...

    def workspace(self, roots: tuple[Path, ...]) -> Workspace:
        """Local files and processes, confined to these directories."""
        ...

    def log_in(self) -> None:
        """Take up keys that were entered since the start."""
        ...

    def log_out(self) -> None:
        """Forget stored keys."""
        ...

    def auth_status(self) -> AuthStatus:
        """How things stand with keys now."""
        ...

    def provider_routes(self) -> tuple[ProviderRoute, ...]:
        """The providers whose endpoint can be chosen, and where they are now."""
        ...

    def set_provider(self, name: str, protocol: str, base_url: str, headers: Mapping[str, str]) -> None:
        """Send requests to the provider there, with these headers and no key of ours, until the process ends.

        Raises:
            InvalidChoice: there is no such provider, or it does not speak that protocol.
            EndpointRefused: nothing can be sent there as it is given.
        """
        ...

    def disable_provider(self, name: str) -> None:
        """Do not use the provider until it is set again; an unknown one is not used anyway.

        Raises:
            EndpointRefused: it is required.
        """
        ...
