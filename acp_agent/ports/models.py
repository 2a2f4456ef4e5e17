"""Asking models."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from acp_agent.model.chat import ModelDelta, ModelRequest
from acp_agent.model.session import ModelInfo


class Provider(Protocol):
    """A model service under one configured name."""

    @property
    def name(self) -> str:
        """The name models of this provider are prefixed with."""
        ...

    def models(self) -> tuple[ModelInfo, ...]:
        """The models that can be chosen, without asking the network."""
        ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelDelta, None]:
        """Ask the model once; a complete stream ends with `StepFinished`.

        Retries of requests that produced nothing yet happen inside and are told by `Retrying`.

        Raises:
            ProviderError: the model could not answer; deltas yielded before stay valid.
        """
        ...

    async def prepare(self) -> None:
        """Do the slow part of the first request while nobody waits for it."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...
