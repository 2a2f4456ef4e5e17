from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import msgspec
import pytest

from acp_agent.base.errors import ProviderError
from acp_agent.model.chat import FromUser, ModelDelta, ModelRequest
from acp_agent.model.content import Text
from acp_agent.model.session import ModelInfo
from acp_agent.ports import Provider
from acp_agent.providers.anthropic import AnthropicProvider
from acp_agent.providers.http import HttpSettings
from acp_agent.providers.openai import OpenAIProvider
from acp_agent.testing.model_server import ModelServer

Service: TypeAlias = Literal["openai", "anthropic"]
NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEY = "sk-very-secret-key"
MODEL = ModelInfo("test/gpt-x", "GPT X", takes_images=True, thinks=True)


def ask_for(text: str, model: ModelInfo = MODEL) -> ModelRequest:
    return ModelRequest(model, "Be brief.", (FromUser((Text(text),)),))


class Answer(msgspec.Struct):
    deltas: list[ModelDelta]
    error: ProviderError | None = None


@pytest.fixture
def ask() -> Callable[..., Awaitable[Answer]]:
    async def ask(provider: Provider, request: ModelRequest | str = "hi") -> Answer:
        if isinstance(request, str):
            request = ask_for(request)
        answer = Answer([])
        try:
            async with aclosing(provider.stream(request)) as deltas:
                async for delta in deltas:
                    answer.deltas.append(delta)
        except ProviderError as exc:
            answer.error = exc
        return answer

    return ask


@pytest.fixture
def sleeps() -> list[float]:
    """How long retries would have slept."""
    return []


@pytest.fixture(params=["openai", "anthropic"])
def service(request: pytest.FixtureRequest) -> Service:
    return request.param


@pytest.fixture
async def connect(sleeps: list[float]) -> AsyncGenerator[Callable[..., Provider]]:
    """Makes a provider that talks to a server or a URL, never sleeps, and is closed at the end."""
    providers: list[Provider] = []

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)

    def connect(service: Service, server: ModelServer | str, **settings: Any) -> Provider:
        http = HttpSettings(sleep=sleep, jitter=lambda: 0.0, clock=lambda: NOW, **settings)
        if isinstance(server, str):
            openai_url = anthropic_url = server
        else:
            openai_url, anthropic_url = server.openai_url, server.anthropic_url
        provider: Provider = (
            OpenAIProvider("test", openai_url, KEY, (MODEL,), http=http)
            if service == "openai"
            else AnthropicProvider("test", anthropic_url, KEY, (MODEL,), http=http)
        )
        providers.append(provider)
        return provider

    yield connect
    for provider in providers:
        await provider.aclose()
