"""A service that lets nobody in without a key, while there is none: says so instead of asking it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import anyio.lowlevel

from acp_agent import ports
from acp_agent.base.errors import ProviderError
from acp_agent.model.chat import ModelDelta, ModelRequest
from acp_agent.model.session import ModelInfo


class LockedProvider:
    """Stands for the service until a key is entered; `source` is where a key would be looked for."""

    def __init__(self, name: str, models: tuple[ModelInfo, ...], source: str) -> None:
        self.name = name
        self._models = models
        self._source = source

    def models(self) -> tuple[ModelInfo, ...]:
        """The models that could be asked with a key."""
        return self._models

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelDelta, None]:
        """Say what is missing.

        Raises:
            ProviderError: always.
        """
        await anyio.lowlevel.checkpoint()
        where = f", or set the {self._source}" if self._source else ""
        raise ProviderError(
            f"there is no API key for `{self.name}`",
            fault="unauthorized",
            provider=self.name,
            hint=f"run `acp-agent login {self.name}`{where}",
        )
        yield  # what makes this a stream, though an empty one

    async def prepare(self) -> None:
        """Nothing: no request will be sent."""
        await anyio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        """Nothing: no connection was made."""
        await anyio.lowlevel.checkpoint()


if TYPE_CHECKING:
    _: type[ports.Provider] = LockedProvider
