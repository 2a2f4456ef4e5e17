"""Models behind an OpenAI-compatible Chat Completions API, streaming."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from acp_agent import ports
from acp_agent.base.ids import IdSource, random_id
from acp_agent.base.jsontext import dump
from acp_agent.model.chat import ModelDelta, ModelRequest
from acp_agent.model.session import ModelInfo
from acp_agent.providers import address
from acp_agent.providers.http import DEFAULT_HTTP, HttpSettings, ModelEndpoint
from acp_agent.providers.openai_answer import ChatDecoder
from acp_agent.providers.openai_request import adjustable, chat_body


class OpenAIProvider:
    """One OpenAI-compatible server. `base_url` ends before `/chat/completions`; without a key none is sent.

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
        *,
        http: HttpSettings = DEFAULT_HTTP,
        ids: IdSource = random_id,
    ) -> None:
        self.name = name
        self._models = tuple(adjustable(model) for model in models)
        self._ids = ids
        address.check_key(name, api_key or "")
        authorization = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._endpoint = ModelEndpoint(
            name,
            base_url.rstrip("/") + "/chat/completions",
            {**authorization, **dict(headers)},
            secrets=(api_key or "", *(value for _, value in headers)),
            settings=http,
        )

    def models(self) -> tuple[ModelInfo, ...]:
        """The configured models."""
        return self._models

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelDelta, None]:
        """Ask the model once, as `ports.Provider.stream` says."""
        body = dump(chat_body(self.name, request))
        return self._endpoint.stream(body, lambda: ChatDecoder(self.name, self._ids))

    async def prepare(self) -> None:
        """Do the slow part of the first request ahead of it."""
        await self._endpoint.prepare()

    async def aclose(self) -> None:
        """Close connections."""
        await self._endpoint.aclose()


if TYPE_CHECKING:
    _: type[ports.Provider] = OpenAIProvider
