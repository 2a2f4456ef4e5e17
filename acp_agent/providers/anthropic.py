"""Models behind Anthropic's Messages API, streaming."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from acp_agent import ports
from acp_agent.base.jsontext import dump
from acp_agent.model.chat import ModelDelta, ModelRequest
from acp_agent.model.session import ModelInfo
from acp_agent.providers import address
from acp_agent.providers.anthropic_answer import MessagesDecoder
from acp_agent.providers.anthropic_request import adjustable, messages_body
from acp_agent.providers.http import DEFAULT_HTTP, HttpSettings, ModelEndpoint

_API_VERSION = "2023-06-01"


class AnthropicProvider:
    """One server that speaks the Messages API; `base_url` ends before `/v1/messages` or with `/v1`.

    `thinking_budget` is the tokens a model that can may think per step, as long as no other level is chosen;
    None asks for no thinking.

    Raises:
        ConfigError: the base URL, the key or a header cannot be used.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key: str | None,
        models: tuple[ModelInfo, ...],
        headers: tuple[tuple[str, str], ...] = (),
        thinking_budget: int | None = None,
        *,
        http: HttpSettings = DEFAULT_HTTP,
    ) -> None:
        self.name = name
        self._models = tuple(adjustable(model, thinking_budget) for model in models)
        self._thinking_budget = thinking_budget
        address.check_key(name, api_key or "")
        authorization = {"x-api-key": api_key} if api_key else {}
        self._endpoint = ModelEndpoint(
            name,
            base_url.rstrip("/").removesuffix("/v1") + "/v1/messages",
            {"anthropic-version": _API_VERSION, **authorization, **dict(headers)},
            secrets=(api_key or "", *(value for _, value in headers)),
            settings=http,
        )

    def models(self) -> tuple[ModelInfo, ...]:
        """The configured models."""
        return self._models

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelDelta, None]:
        """Ask the model once, as `ports.Provider.stream` says."""
        body = dump(messages_body(self.name, request, self._thinking_budget))
        return self._endpoint.stream(body, lambda: MessagesDecoder(self.name))

    async def prepare(self) -> None:
        """Do the slow part of the first request ahead of it."""
        await self._endpoint.prepare()

    async def aclose(self) -> None:
        """Close connections."""
        await self._endpoint.aclose()


if TYPE_CHECKING:
    _: type[ports.Provider] = AnthropicProvider
